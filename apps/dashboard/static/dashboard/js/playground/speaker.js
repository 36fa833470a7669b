import { RATE, decode, milliseconds } from "./pcm.js";

/** The agent's voice. `onplaying` is told the item that is heard, or null when all is said. */
export class Speaker {
  #stops = new Map();
  #asked = 0;

  static async open({ onplaying }) {
    const context = new AudioContext({ sampleRate: RATE });
    await context.audioWorklet.addModule(new URL("./speaker.worklet.js", import.meta.url));
    return new Speaker(context, onplaying);
  }

  constructor(context, onplaying) {
    this.context = context;
    this.node = new AudioWorkletNode(context, "speaker", { numberOfInputs: 0, outputChannelCount: [1] });
    this.analyser = new AnalyserNode(context, { fftSize: 1024 });
    this.node.connect(this.analyser).connect(context.destination);
    this.node.port.onmessage = ({ data }) => {
      if ("playing" in data) onplaying(data.playing);
      else this.#stopped(data);
    };
    context.resume();
  }

  play(item, base64) {
    const samples = decode(base64);
    this.node.port.postMessage({ item, samples }, [samples.buffer]);
  }

  /** Falls silent at once. Resolves to what was cut short: [{item, heardMs}]. */
  stop() {
    const asked = ++this.#asked;
    this.node.port.postMessage({ stop: asked });
    return new Promise((resolve) => this.#stops.set(asked, resolve));
  }

  close() {
    this.context.close();
  }

  #stopped({ stopped, cut }) {
    this.#stops.get(stopped)(cut.map(({ item, played }) => ({ item, heardMs: milliseconds(played) })));
    this.#stops.delete(stopped);
  }
}
