// Listening in: plays both sides of a session that runs, and writes down what is said.
import { decode } from "./sound.js";

const RATE = 24000;
const AHEAD = 0.15;  // seconds that sound waits, so that it does not stutter

const panel = document.getElementById("listening");
const state = panel.querySelector("[data-state]");
const captions = panel.querySelector("[data-captions]");
let current = null;

class Voice {
  /* One side's sound, one piece after the other. */
  constructor(context, pan) {
    this.context = context;
    this.out = new StereoPannerNode(context, { pan });
    this.out.connect(context.destination);
    this.next = 0;
    this.playing = new Set();
  }

  play(samples, rate) {
    if (!samples.length) return;
    const buffer = this.context.createBuffer(1, samples.length, rate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.out);
    source.onended = () => this.playing.delete(source);
    const now = this.context.currentTime;
    if (this.next < now) this.next = now + AHEAD;
    source.start(this.next);
    this.next += buffer.duration;
    this.playing.add(source);
  }

  hush() {
    for (const source of this.playing) source.stop();
    this.playing.clear();
    this.next = 0;
  }
}

class Listening {
  constructor(path) {
    this.context = new AudioContext({ sampleRate: RATE });
    this.user = new Voice(this.context, -0.7);
    this.agent = new Voice(this.context, 0.7);
    this.output = { type: "audio/pcm", rate: RATE };
    this.lines = new Map();
    const address = new URL(path, location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(address);
    this.socket.onopen = () => (state.textContent = "Connected.");
    this.socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    this.socket.onclose = ({ code, reason }) => {
      if (current === this) state.textContent = code === 1000 ? "The session is over." : reason || "The connection was lost.";
    };
  }

  hear(event) {
    switch (event.type) {
      case "session.created":
      case "session.updated":
        this.output = event.session.audio?.output?.format ?? this.output;
        break;
      case "antiphon.user_audio.delta":
        this.user.play(decode(event.delta, event.format), event.rate);
        break;
      case "response.output_audio.delta":
        this.agent.play(decode(event.delta, this.output.type), this.output.rate ?? 8000);
        break;
      case "input_audio_buffer.speech_started":
        this.agent.hush();
        break;
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta":
        this.write(event.item_id, "Agent", event.delta);
        break;
      case "conversation.item.input_audio_transcription.delta":
        this.write(event.item_id, "User", event.delta);
        break;
      case "antiphon.user_words.done":
      case "conversation.item.input_audio_transcription.completed":
        this.write(event.item_id, "User", event.transcript, true);
        break;
    }
  }

  write(id, who, words, whole = false) {
    let line = this.lines.get(id);
    if (!line) {
      line = document.createElement("span");
      const item = document.createElement("li");
      const name = document.createElement("span");
      name.className = "text-quiet";
      name.textContent = `${who}: `;
      item.append(name, line);
      captions.append(item);
      this.lines.set(id, line);
    }
    line.textContent = whole ? words : line.textContent + words;
    captions.scrollTop = captions.scrollHeight;
  }

  stop() {
    this.socket.close(1000);
    this.context.close();
  }
}

document.addEventListener("click", ({ target }) => {
  const listen = target.closest("[data-listen]");
  if (listen) {
    current?.stop();
    captions.replaceChildren();
    panel.hidden = false;
    panel.querySelector("h2").textContent = `Listening in to ${listen.dataset.session}`;
    state.textContent = "Connecting…";
    current = new Listening(listen.dataset.listen);
  } else if (target.closest("[data-stop-listening]")) {
    current?.stop();
    current = null;
    panel.hidden = true;
  }
});
