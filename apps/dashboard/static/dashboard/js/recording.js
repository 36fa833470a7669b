// A recording and its transcript, in step: the line that is heard is marked, and a line that is clicked is heard.
import { toast } from "./toasts.js";
import WaveSurfer from "../vendor/wavesurfer.esm.js";
import Regions from "../vendor/regions.esm.js";

const HEIGHT = 48; // of each side
const SKIP = 5; // seconds
const CHANNELS = { user: 0, assistant: 1 };
const EARLY = 0.05; // seconds: a sought line is marked although players land a little before it

const place = document.getElementById("recording");
const part = (name) => place.querySelector(`[data-${name}]`);
const audio = part("audio");
const position = part("position");
const duration = Number(place.dataset.duration) / 1000;
const lines = [...document.querySelectorAll("[data-in-step] [data-start]")].map((element) => ({
  element,
  start: Number(element.dataset.start) / 1000,
  end: Number(element.dataset.end) / 1000,
  channel: CHANNELS[element.className.match(/transcript-(\w+)/)?.[1]],
}));
const spoken = lines.filter(({ channel }) => channel !== undefined);

function clock(seconds) {
  const whole = Math.floor(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const padded = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function colours() {
  const side = (name) => ({ waveColor: colour("--color-line"), progressColor: colour(name) });
  return {
    cursorColor: colour("--color-base-content"),
    splitChannels: [
      { ...side("--color-info"), height: HEIGHT },
      { ...side("--color-primary"), height: HEIGHT },
    ],
  };
}

function tell(problem) {
  const told = part("problem");
  told.textContent = problem;
  told.hidden = !problem;
}

/* The sound: asked for when it is first to be heard, and again when its address has expired. */

let asked = null;

async function address() {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const response = await fetch(place.dataset.play, { method: "POST", headers: { "X-CSRFToken": token } });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? "The recording can't be heard now. Load the page again.");
  return answer.url;
}

async function load(at) {
  asked ??= address();
  try {
    audio.src = await asked;
  } catch (error) {
    asked = null;
    throw error;
  }
  await new Promise((loaded, failed) => {
    audio.addEventListener("loadedmetadata", loaded, { once: true });
    audio.addEventListener("error", () => failed(new Error("The sound could not be loaded. Try again.")), { once: true });
    audio.load();
  });
  audio.playbackRate = Number(part("speed").value);
  audio.currentTime = at;
}

let sought = 0; // before there is sound

function now() {
  return audio.readyState ? audio.currentTime : sought;
}

function seek(seconds) {
  sought = Math.min(Math.max(seconds, 0), duration);
  if (audio.readyState) audio.currentTime = sought;
  else wave.setTime(sought);
  show(sought);
}

async function play() {
  tell("");
  try {
    if (!audio.readyState || audio.error) await load(sought);
    await audio.play();
  } catch (error) {
    if (error.name !== "AbortError") tell(error.message);
  }
}

function toggle() {
  if (audio.paused) play();
  else audio.pause();
}

/* What is drawn. */

let marked = null;

function line(seconds) {
  const heard = spoken.filter(({ start, end }) => start <= seconds + EARLY && seconds < end);
  return heard.at(-1) ?? spoken.findLast(({ start }) => start <= seconds + EARLY) ?? null;
}

function mark(seconds) {
  const next = line(seconds);
  if (next === marked) return;
  marked?.element.removeAttribute("aria-current");
  next?.element.setAttribute("aria-current", "true");
  marked = next;
  if (next && !audio.paused) next.element.scrollIntoView({ block: "nearest" });
}

function show(seconds) {
  position.value = Math.round(seconds * 1000);
  position.setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(duration)}`);
  part("clock").textContent = `${clock(seconds)} / ${clock(duration)}`;
  mark(seconds);
}

const regions = Regions.create();
const wave = WaveSurfer.create({
  ...colours(),
  container: part("waveform"),
  media: audio,
  height: HEIGHT,
  normalize: true,
  cspNonce: place.dataset.nonce,
  dragToSeek: true,
  hideScrollbar: true,
  plugins: [regions],
});

async function draw() {
  const response = await fetch(place.dataset.peaks);
  if (!response.ok) throw new Error("The waveform could not be loaded. Load the page again.");
  const { channels } = await response.json();
  wave.on("ready", () => {
    regions.clearRegions();
    const shade = `color-mix(in srgb, ${colour("--color-base-content")} 8%, transparent)`;
    for (const { start, end, channel } of spoken) {
      if (end > start) regions.addRegion({ start, end, channelIdx: channel, color: shade, drag: false, resize: false });
    }
    place.dataset.drawn = "";
  });
  await wave.load("", channels, duration);
}

/* Hands and keys. */

wave.on("interaction", (seconds) => {
  sought = seconds;
  show(seconds);
});
audio.addEventListener("timeupdate", () => audio.readyState && show(audio.currentTime));
audio.addEventListener("seeking", () => show(audio.currentTime));
for (const event of ["play", "pause", "ended"]) {
  audio.addEventListener(event, () => {
    const state = audio.paused ? "paused" : "playing";
    for (const each of place.querySelectorAll("[data-shown]")) each.hidden = each.dataset.shown !== state;
    const label = audio.paused ? "Play" : "Pause";
    part("toggle").setAttribute("aria-label", label);
    part("toggle").title = label;
  });
}
audio.addEventListener("error", () => {
  if (!audio.getAttribute("src")) return;
  sought = audio.currentTime || sought; // its address has expired: a new one is asked for
  asked = null;
  audio.pause();
});
(function follow() {
  if (!audio.paused) show(audio.currentTime);
  requestAnimationFrame(follow);
})();

part("toggle").addEventListener("click", toggle);
part("speed").addEventListener("change", () => (audio.playbackRate = Number(part("speed").value)));
position.addEventListener("input", () => seek(Number(position.value) / 1000));
for (const button of place.querySelectorAll("[data-skip]")) {
  button.addEventListener("click", () => seek(now() + Number(button.dataset.skip)));
}
for (const { element, start } of lines) {
  element.addEventListener("click", ({ target }) => {
    if (target.closest("a") || (!target.closest("[data-seek]") && String(getSelection()))) return;
    seek(start);
    play();
  });
}
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea, button, a, summary, dialog, [contenteditable]")) return;
  const done = { " ": toggle, ArrowLeft: () => seek(now() - SKIP), ArrowRight: () => seek(now() + SKIP) }[event.key];
  if (!done) return;
  event.preventDefault();
  done();
});

const again = () => wave.setOptions(colours());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-theme"] });

show(0);
draw().catch((error) => {
  tell(error.message);
  toast(error.message, { kind: "error" });
});
