// Wires the page together: its parts are in the modules beside this one.
import { toast } from "../toasts.js";
import { activityOf, stateWords } from "./activity.js";
import { Call } from "./call.js";
import { CaptionsView } from "./captions_view.js";
import { LANGUAGES } from "./code_export.js";
import { Inspector } from "./inspector_view.js";
import { bindKeys } from "./keys.js";
import { LatencyLog } from "./latency.js";
import { drawLatency } from "./latency_view.js";
import { Meter } from "./meters.js";
import { microphoneAdvice, microphones } from "./microphone.js";
import { isPushToTalk, toSession, toVariables } from "./settings.js";
import { SettingsView } from "./settings_view.js";
import { drawCall } from "./tool_view.js";
import { ToolCalls } from "./tool_calls.js";
import { Transcript } from "./transcript.js";

const DEFAULT_MODEL = "gpt-realtime"; // which stands for the tenant's own default
const EVENTS = { antiphon: { events: ["attempts", "decisions"] } }; // what the latency bars tell besides
const byId = (id) => document.getElementById(id);

const root = byId("playground");
const [talk, hold, mute, stop, device] = ["talk", "hold", "mute", "stop", "device"].map(byId);
const pushToTalk = byId("push-to-talk");
const meters = { user: new Meter(byId("meter-user")), agent: new Meter(byId("meter-agent")) };
const transcript = new Transcript();
const tools = new ToolCalls();
let latency = new LatencyLog();
let speaking = false; // the user, as the server hears it
let held = false;

const captions = new CaptionsView({
  scroller: byId("captions"),
  logs: { user: byId("captions-user"), agent: byId("captions-agent"), tool: byId("captions-tool") },
  empty: byId("captions-empty"),
});
const inspector = new Inspector({
  list: byId("events"),
  filters: byId("events-filter"),
  count: byId("events-count"),
  empty: byId("events-empty"),
  pause: byId("events-pause"),
  copyAll: byId("events-copy"),
  download: byId("events-download"),
  detail: byId("events-detail"),
  title: byId("events-type"),
  json: byId("events-json"),
  copyOne: byId("events-copy-one"),
});
const settings = new SettingsView({ form: byId("settings"), problem: byId("tools-problem"), onchange: settingChanged });
const call = new Call({
  endpoint: location.origin.replace("http", "ws") + root.dataset.endpoint,
  secret,
  session: () => ({ ...toSession(settings.values), providerData: EVENTS }),
  handlers: { onstate, onevent, onplaying, oninterrupted, onmicrophone },
});

async function secret() {
  const token = JSON.parse(document.body.getAttribute("hx-headers"))["X-CSRFToken"];
  const answer = await fetch(root.dataset.secretUrl, { method: "POST", headers: { "X-CSRFToken": token } });
  if (!answer.ok)
    throw new Error(
      answer.status === 403
        ? "You may not talk here any more: reload the page."
        : `The server gave no client secret (${answer.status}): reload the page and try again.`,
    );
  return (await answer.json()).value;
}

const model = () => settings.values.model || DEFAULT_MODEL;

// What the user does

async function start() {
  tell("");
  talk.disabled = true;
  try {
    await call.listen(device.value, isPushToTalk(settings.values));
    listMicrophones();
    await open();
  } catch (error) {
    tell(microphoneAdvice(error));
  }
  refresh();
}

async function open() {
  if (call.state === "closed") begin();
  return call.connect({ model: model(), ...toVariables(settings.values) });
}

/** Nothing of the session before is left, but its events. */
function begin() {
  transcript.clear();
  captions.clear();
  tools.clear();
  latency = new LatencyLog();
  drawLatency(byId("latency"), latency.turns);
}

async function write(event) {
  event.preventDefault();
  const input = byId("text-input");
  const text = input.value.trim();
  if (!text) return;
  tell("");
  if (await open()) {
    input.value = "";
    call.say(text);
  }
}

function press() {
  held = call.press();
  refresh();
}

function release() {
  if (held) call.release();
  held = false;
  refresh();
}

function toggleMute() {
  call.microphone.muted = !call.microphone.muted;
  refresh();
}

function settingChanged(name) {
  if (call.state === "open" && name !== "model") call.update();
  if (call.microphone) call.microphone.muted = isPushToTalk(settings.values);
  refresh();
}

async function deviceChosen() {
  if (!call.microphone) return;
  try {
    await call.listen(device.value, call.microphone.muted);
  } catch (error) {
    call.deafen(microphoneAdvice(error));
  }
}

const decided = {
  answer: (asked, output) => decide(asked, (more) => call.answer(asked, output, more)),
  approve: (asked, yes) => decide(asked, (more) => call.approve(asked, yes, more)),
};

/** The agent goes on once nothing else waits to be decided. */
function decide(asked, tellServer) {
  tellServer({ more: tools.open.some((other) => other !== asked) });
}

// What happens

function onstate(state, why) {
  if (state === "connecting") meters.agent.follow(call.speaker.analyser);
  if (state === "closed") {
    meters.agent.follow(null);
    [speaking, held] = [false, false];
    if (why) tell(why);
  }
  refresh();
}

function onevent(direction, event, size) {
  const at = performance.now();
  inspector.add(direction, event, { at, size });
  if (direction === "out") latency.sent(event, at);
  else received(event, at);
}

function received(event, at) {
  latency.received(event, at);
  if (event.type === "input_audio_buffer.speech_started") speaking = true;
  if (event.type === "input_audio_buffer.speech_stopped") speaking = false;
  if (event.type === "error") tell(event.error.message);
  const changed = transcript.apply(event);
  const asked = tools.apply(event);
  if (asked) changed.push(transcript.open(asked.item, "tool"));
  if (changed.length) captions.show(transcript.lines, changed, drawTool);
  if (event.type !== "response.output_audio.delta") drawLatency(byId("latency"), latency.turns);
  refresh();
}

function drawTool(line, into) {
  const asked = tools.find(line.id);
  if (asked) drawCall(asked, into, decided);
}

function onplaying(item) {
  if (item) latency.heard(item, performance.now());
  drawLatency(byId("latency"), latency.turns);
  refresh();
}

function oninterrupted(item) {
  captions.show(transcript.lines, transcript.interrupt(item), drawTool);
}

function onmicrophone(microphone, why) {
  meters.user.follow(microphone?.analyser ?? null);
  if (why) tell(why);
  refresh();
}

// What is shown

function refresh() {
  const byHand = isPushToTalk(settings.values);
  const { microphone, state } = call;
  const open = state === "open";
  const activity = activityOf({
    speaking,
    playing: call.playing,
    answering: call.answering,
    microphone,
    pushToTalk: byHand,
    held,
    muted: microphone?.muted,
  });
  root.dataset.state = state;
  root.dataset.activity = open ? activity : "";
  const words = stateWords(state, activity);
  if (byId("state").textContent !== words) byId("state").textContent = words;
  const talking = Boolean(microphone) && state !== "closed";
  talk.disabled = talking;
  talk.hidden = talking && byHand;
  hold.hidden = !talk.hidden;
  hold.setAttribute("aria-pressed", held);
  mute.hidden = byHand;
  mute.disabled = !talking;
  mute.setAttribute("aria-pressed", Boolean(microphone?.muted) && !byHand);
  stop.disabled = state === "closed";
  pushToTalk.checked = byHand;
}

/** An error in words; empty takes it away. */
function tell(text) {
  const notice = byId("notice");
  notice.hidden = !text;
  notice.querySelector("p").textContent = text;
}

async function listMicrophones() {
  const chosen = device.value;
  const found = await microphones();
  const options = found
    .filter(({ deviceId }) => deviceId && deviceId !== "default")
    .map(({ label, deviceId }) => new Option(label || "Microphone", deviceId));
  device.replaceChildren(new Option("Usual microphone", ""), ...options);
  device.value = chosen;
  if (device.selectedIndex < 0) device.value = "";
}

function exportCode() {
  const facts = {
    baseUrl: root.dataset.baseUrl,
    model: model(),
    variables: toVariables(settings.values),
    session: toSession(settings.values),
  };
  const blocks = byId("export").querySelectorAll("code");
  Object.values(LANGUAGES).forEach((write, n) => (blocks[n].textContent = write(facts)));
}

async function copyLink() {
  await navigator.clipboard.writeText(location.href);
  toast("Copied: the link has these settings in it.");
}

talk.addEventListener("click", start);
mute.addEventListener("click", toggleMute);
stop.addEventListener("click", () => call.stop());
device.addEventListener("change", deviceChosen);
hold.addEventListener("pointerdown", (event) => {
  hold.setPointerCapture(event.pointerId);
  press();
});
for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) hold.addEventListener(end, release);
pushToTalk.addEventListener("change", () => settings.set("turn", pushToTalk.checked ? "none" : ""));
byId("write").addEventListener("submit", write);
byId("notice-close").addEventListener("click", () => tell(""));
byId("events-clear").addEventListener("click", () => inspector.clear());
byId("copy-link").addEventListener("click", copyLink);
document.querySelector('[data-opens="export"]').addEventListener("click", exportCode);
navigator.mediaDevices?.addEventListener("devicechange", listMicrophones);
addEventListener("pagehide", () => call.stop());
bindKeys({ hold, press, release, stop: () => call.state !== "closed" && call.stop() });
if (matchMedia("(width < 64rem)").matches) byId("settings-card").open = false;
listMicrophones();
drawLatency(byId("latency"), latency.turns);
refresh();
