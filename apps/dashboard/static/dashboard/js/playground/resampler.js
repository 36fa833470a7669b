// From any rate to any other, piece by piece, without a seam: a windowed sinc for each phase that the two rates make.
const CROSSINGS = 16; // of zero, on either side of a filter's middle
const PASSED = 0.92; // of the narrower band; the rest is where the filter falls off

const gcd = (a, b) => (b ? gcd(b, a % b) : a);
const sinc = (x) => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
const blackman = (x) => 0.42 + 0.5 * Math.cos(Math.PI * x) + 0.08 * Math.cos(2 * Math.PI * x); // x from -1 to 1

export class Resampler {
  constructor(from, to) {
    const common = gcd(from, to);
    [this.down, this.up] = [from / common, to / common];
    const cutoff = Math.min(1, to / from) * PASSED;
    this.half = Math.ceil(CROSSINGS / cutoff);
    this.filters = Array.from({ length: this.up }, (_, phase) => filter(phase / this.up, this.half, cutoff));
    this.pending = new Float32Array(this.half); // silence before the beginning
    this.position = 0; // of the next output, in input samples after `half` of what is pending
    this.phase = 0; // the fraction of it, in parts of `up`
  }

  /** What can be told of the output once `input` has come. */
  process(input) {
    const samples = new Float32Array(this.pending.length + input.length);
    samples.set(this.pending);
    samples.set(input, this.pending.length);
    const output = [];
    while (this.position + 2 * this.half < samples.length) {
      output.push(this.#at(samples, this.position));
      this.phase += this.down;
      this.position += Math.floor(this.phase / this.up);
      this.phase %= this.up;
    }
    this.pending = samples.slice(this.position);
    this.position = 0;
    return Float32Array.from(output);
  }

  #at(samples, start) {
    const taps = this.filters[this.phase];
    let sum = 0;
    for (let n = 0; n < taps.length; n++) sum += taps[n] * samples[start + n];
    return sum;
  }
}

/** The taps for an output that lies `fraction` of a sample after the middle one; they sum up to one. */
function filter(fraction, half, cutoff) {
  const taps = Float32Array.from({ length: 2 * half + 1 }, (_, n) => {
    const distance = n - half - fraction;
    return Math.abs(distance) > half ? 0 : sinc(distance * cutoff) * blackman(distance / half);
  });
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}
