// Hears the microphone at the rate of its context and hands on 24 kHz PCM16, 30 ms at a time.
import { RATE, quantise } from "./pcm.js";
import { Resampler } from "./resampler.js";

const CHUNK = RATE * 0.03;

class Microphone extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, RATE);
  #chunk = new Float32Array(CHUNK);
  #filled = 0;

  process([[samples]]) {
    if (samples) for (const sample of this.#resampler.process(samples)) this.#add(sample);
    return true;
  }

  #add(sample) {
    this.#chunk[this.#filled++] = sample;
    if (this.#filled < CHUNK) return;
    const pcm = quantise(this.#chunk);
    this.port.postMessage(pcm, [pcm.buffer]);
    this.#filled = 0;
  }
}

registerProcessor("microphone", Microphone);
