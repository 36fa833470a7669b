const BARS = 48;
const STEP_MS = 50;
const FLOOR = 0.001; // of full scale: -60 dB

/** A level from 0 to 1, even to the ear, of what an analyser hears. */
function level(analyser, samples) {
  analyser.getFloatTimeDomainData(samples);
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  return Math.max(0, 1 - Math.log10(Math.max(Math.sqrt(power), FLOOR)) / Math.log10(FLOOR));
}

/** How loud one side is: bars that move along, or one that stands still for who wants no motion. */
export class Meter {
  #levels = new Array(BARS).fill(0);
  #samples = new Float32Array(1024);
  #analyser = null;
  #timer;

  constructor(root) {
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    new ResizeObserver(() => this.#draw()).observe(this.canvas);
  }

  /** Follows an analyser; null ends it. */
  follow(analyser) {
    clearInterval(this.#timer);
    this.#analyser = analyser;
    this.#levels.fill(0);
    if (analyser) this.#timer = setInterval(() => this.#step(), STEP_MS);
    this.root.setAttribute("aria-valuenow", 0);
    this.#draw();
  }

  #step() {
    const now = level(this.#analyser, this.#samples);
    this.#levels.push(now);
    this.#levels.shift();
    this.root.setAttribute("aria-valuenow", Math.round(now * 100));
    this.#draw();
  }

  #draw() {
    const { canvas } = this;
    const scale = devicePixelRatio;
    const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    context.fillStyle = getComputedStyle(canvas).color;
    if (this.still.matches)
      context.fillRect(0, height / 2 - scale * 4, Math.max(scale * 2, width * this.#levels.at(-1)), scale * 8);
    else this.#bars(context, width, height, scale);
  }

  #bars(context, width, height, scale) {
    const step = width / BARS;
    const bar = Math.max(scale, step * 0.55);
    context.beginPath();
    this.#levels.forEach((now, n) => {
      const tall = Math.max(bar, now * height);
      context.roundRect(n * step + (step - bar) / 2, (height - tall) / 2, bar, tall, bar / 2);
    });
    context.fill();
  }
}
