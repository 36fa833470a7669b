// Plays what it is sent, in a context of 24 kHz, and knows to the sample what was played.
import { PlaybackQueue } from "./playback_queue.js";

class Speaker extends AudioWorkletProcessor {
  #queue = new PlaybackQueue();
  #sounding = null; // the item that the page believes to be playing

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data.samples) this.#queue.push(data.item, data.samples);
      else this.port.postMessage({ stopped: data.stop, cut: this.#queue.clear() });
    };
  }

  process(_, [[output]]) {
    const silent = this.#queue.empty;
    this.#queue.pull(output);
    const item = silent ? null : this.#queue.playing;
    if (item !== this.#sounding) {
      this.#sounding = item;
      this.port.postMessage({ playing: item });
    }
    return true;
  }
}

registerProcessor("speaker", Speaker);
