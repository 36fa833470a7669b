import assert from "node:assert/strict";
import { test } from "node:test";
import {
  EventStore,
  LIMIT,
  asLines,
  pretty,
  sizeText,
} from "../../../apps/dashboard/static/dashboard/js/playground/event_store.js";

function filled() {
  const store = new EventStore();
  store.add("in", { type: "session.created", session: { voice: "Joe" } }, { at: 1000, size: 900 });
  store.add("out", { type: "input_audio_buffer.append", audio: "Sm9l" }, { at: 1030, size: 2000 });
  store.add("in", { type: "response.output_audio.delta", delta: "AAAA" }, { at: 1500, size: 4000 });
  store.add("in", { type: "error", error: { message: "No." } }, { at: 2000, size: 90 });
  return store;
}
const types = (entries) => entries.map((entry) => entry.type);

test("audio is hidden unless it is asked for", () => {
  assert.deepEqual(types(filled().filtered({})), ["session.created", "error"]);
  assert.equal(filled().filtered({ audio: true }).length, 4);
});

test("events are found by direction, by kind and by any text in them, but not in base64", () => {
  const store = filled();
  assert.deepEqual(types(store.filtered({ audio: true, direction: "out" })), ["input_audio_buffer.append"]);
  assert.deepEqual(types(store.filtered({ audio: true, group: "response" })), ["response.output_audio.delta"]);
  assert.deepEqual(types(store.filtered({ text: "JOE" })), ["session.created"]);
  assert.deepEqual(types(store.filtered({ audio: true, text: "Sm9l" })), []);
});

test("times count from the first event, and lines are JSON each", () => {
  const lines = asLines(filled().filtered({}))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map((line) => line.offset_ms),
    [0, 1000],
  );
  assert.deepEqual(lines[1].event, { type: "error", error: { message: "No." } });
});

test("the oldest of too many go", () => {
  const store = new EventStore();
  for (let n = 0; n < LIMIT * 2; n++) store.add("in", { type: "response.created", n }, { at: n, size: 1 });
  assert.ok(store.length <= LIMIT * 1.1);
  assert.equal(store.filtered({}).at(-1).event.n, LIMIT * 2 - 1);
});

test("long audio is told by its length, words are not cut", () => {
  const shown = JSON.parse(
    pretty({ type: "response.output_audio.delta", delta: "A".repeat(5000), other: "B".repeat(5000) }),
  );
  assert.match(shown.delta, /5000/);
  assert.equal(shown.other.length, 5000);
});

test("sizes are readable", () => {
  assert.deepEqual([90, 1500, 2_500_000].map(sizeText), ["90 B", "1.5 kB", "2.5 MB"]);
});
