import assert from "node:assert/strict";
import { test } from "node:test";
import { PlaybackQueue } from "../../../apps/dashboard/static/dashboard/js/playground/playback_queue.js";
import {
  RATE,
  decode,
  encode,
  milliseconds,
  quantise,
} from "../../../apps/dashboard/static/dashboard/js/playground/pcm.js";
import { Resampler } from "../../../apps/dashboard/static/dashboard/js/playground/resampler.js";

const tone = (hertz, rate, seconds) =>
  Float32Array.from({ length: rate * seconds }, (_, n) => Math.sin((2 * Math.PI * hertz * n) / rate));
const loudness = (samples) => Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
const settled = (samples) => samples.slice(1000, -1000); // without the edges, where a filter hears silence

function resampled(samples, from, to, piece = samples.length) {
  const resampler = new Resampler(from, to);
  const output = [];
  for (let at = 0; at < samples.length; at += piece)
    output.push(...resampler.process(samples.subarray(at, at + piece)));
  return Float32Array.from(output);
}

for (const rate of [16_000, 44_100, 48_000, 96_000]) {
  test(`a voice at ${rate} Hz keeps its pitch and its loudness`, () => {
    const output = resampled(tone(1000, rate, 1), rate, RATE);
    assert.ok(Math.abs(output.length - RATE) < 100, `${output.length} samples of a second`);
    const expected = tone(1000, RATE, 1);
    const error = settled(output).map((sample, n) => sample - expected[n + 1000]);
    assert.ok(loudness(error) < 0.002, `${loudness(error)} beside the tone`);
  });
}

test("what 24 kHz can't carry is silenced, not folded back", () => {
  assert.ok(loudness(settled(resampled(tone(15_000, 48_000, 1), 48_000, RATE))) < 0.001);
});

test("pieces of any size give the same as the whole", () => {
  const voice = tone(440, 44_100, 0.5);
  assert.deepEqual(resampled(voice, 44_100, RATE, 128), resampled(voice, 44_100, RATE));
});

test("samples survive the way through base64, and loud ones are clipped", () => {
  const there = decode(encode(quantise([0, 0.5, -0.5, 3, -3])));
  [0, 0.5, -0.5, 1, -1].forEach((sample, n) => assert.ok(Math.abs(there[n] - sample) < 0.0002));
});

test("half a minute fits into one text", () => {
  assert.equal(encode(new Int16Array(RATE * 30)).length, (RATE * 60 * 4) / 3);
});

function pulled(queue, length) {
  const output = new Float32Array(length).fill(9);
  queue.pull(output);
  return [...output];
}

test("items are played one after the other, then there is silence", () => {
  const queue = new PlaybackQueue();
  queue.push("a", Float32Array.of(1, 2, 3));
  queue.push("b", Float32Array.of(4));
  assert.deepEqual(pulled(queue, 2), [1, 2]);
  assert.equal(queue.playing, "a");
  assert.deepEqual(pulled(queue, 4), [3, 4, 0, 0]);
  assert.equal(queue.playing, "b");
  assert.ok(queue.empty);
});

test("stopping tells to the sample what was played of each item that was cut", () => {
  const queue = new PlaybackQueue();
  queue.push("said", new Float32Array(10));
  queue.push("cut", new Float32Array(1000));
  queue.push("cut", new Float32Array(1000));
  queue.push("never begun", new Float32Array(5));
  pulled(queue, 1210);
  assert.deepEqual(queue.clear(), [
    { item: "cut", played: 1200 },
    { item: "never begun", played: 0 },
  ]);
  assert.deepEqual(pulled(queue, 3), [0, 0, 0]);
  assert.equal(milliseconds(1200), 50);
});

test("stopping when all was said cuts nothing", () => {
  const queue = new PlaybackQueue();
  queue.push("said", new Float32Array(10));
  pulled(queue, 10);
  assert.deepEqual(queue.clear(), []);
});
