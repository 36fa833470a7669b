// A microphone: 24 kHz 16-bit mono, 40 ms at a time, in real time. It hears silence, or what is played to it.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const CHUNK = 1920; // bytes: 40 ms

/** `name` is SPEECH or INTERRUPTION. */
export const recording = (name) => readFileSync(process.env[name]);

export class Microphone {
  #ahead = Buffer.alloc(0);
  #on = true;

  play(name) {
    this.#ahead = recording(name);
  }

  turnOff() {
    this.#on = false;
  }

  async *[Symbol.asyncIterator]() {
    let due = Date.now();
    while (this.#on) {
      const chunk = Buffer.alloc(CHUNK);
      this.#ahead.copy(chunk);
      this.#ahead = this.#ahead.subarray(CHUNK);
      yield chunk;
      due += CHUNK / 48;
      await sleep(Math.max(0, due - Date.now()));
    }
  }
}
