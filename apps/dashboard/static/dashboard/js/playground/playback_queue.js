// What is to be played, in order, and how many samples of each item have been. Runs in the audio thread.
export class PlaybackQueue {
  #pieces = []; // {item, samples}
  #at = 0; // in the first piece
  #played = new Map(); // samples by item

  /** The item of which a sample was played last. */
  playing = null;

  get empty() {
    return this.#pieces.length === 0;
  }

  push(item, samples) {
    if (samples.length) this.#pieces.push({ item, samples });
  }

  /** Fills `output`, with silence where there is nothing to play. */
  pull(output) {
    let filled = 0;
    while (filled < output.length && !this.empty) {
      const { item, samples } = this.#pieces[0];
      const taken = samples.subarray(this.#at, this.#at + output.length - filled);
      output.set(taken, filled);
      filled += taken.length;
      this.#at += taken.length;
      this.#played.set(item, this.played(item) + taken.length);
      this.playing = item;
      if (this.#at === samples.length) {
        this.#pieces.shift();
        this.#at = 0;
      }
    }
    output.fill(0, filled);
  }

  played(item) {
    return this.#played.get(item) ?? 0;
  }

  /** Drops what was not played: of each item that loses something, how many of its samples were. */
  clear() {
    const cut = [...new Set(this.#pieces.map(({ item }) => item))];
    this.#pieces = [];
    this.#at = 0;
    return cut.map((item) => ({ item, played: this.played(item) }));
  }
}
