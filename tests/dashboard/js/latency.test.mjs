import assert from "node:assert/strict";
import { test } from "node:test";
import { LatencyLog, segments } from "../../../apps/dashboard/static/dashboard/js/playground/latency.js";

const MESSAGE = { type: "conversation.item.create", item: { type: "message" } };
const RESULT = { type: "conversation.item.create", item: { type: "function_call_output" } };

/** Plays [at, direction, event] and returns the turns. */
function turns(...events) {
  const log = new LatencyLog();
  for (const [at, direction, event] of events) log[direction](event, at);
  return log.turns;
}
const answer = (at, response, item) => [
  [at, "received", { type: "response.created", response: { id: response } }],
  [at + 100, "received", { type: "response.output_audio_transcript.delta", response_id: response, item_id: item }],
  [at + 150, "received", { type: "response.output_audio.delta", response_id: response, item_id: item }],
  [at + 190, "received", { type: "response.output_audio.delta", response_id: response, item_id: item }],
  [at + 160, "heard", item],
];

test("a spoken turn is timed from when its speech stopped", () => {
  const [turn, ...more] = turns(
    [1000, "received", { type: "input_audio_buffer.speech_stopped", item_id: "u" }],
    [1010, "received", { type: "input_audio_buffer.committed", item_id: "u" }],
    [1300, "received", { type: "conversation.item.input_audio_transcription.completed", item_id: "u" }],
    ...answer(1050, "r", "a"),
  );
  assert.deepEqual(more, []);
  assert.deepEqual(turn.stages, { transcript: 300, created: 50, text: 150, audio: 200, heard: 210 });
  assert.deepEqual(
    segments(turn).map(({ stage, from, to }) => [stage, from, to]),
    [
      ["created", 0, 50],
      ["text", 50, 150],
      ["audio", 150, 200],
      ["heard", 200, 210],
      ["transcript", 210, 300],
    ],
  );
});

test("push to talk is timed from the commit, and gets its transcript", () => {
  const [turn] = turns(
    [0, "sent", { type: "input_audio_buffer.commit" }],
    [20, "received", { type: "input_audio_buffer.committed", item_id: "u" }],
    ...answer(30, "r", "a"),
    [90, "received", { type: "conversation.item.input_audio_transcription.completed", item_id: "u" }],
  );
  assert.equal(turn.stages.transcript, 90);
  assert.equal(turn.stages.created, 30);
});

test("typed text and results of tools are turns of their own", () => {
  const found = turns(
    [0, "sent", MESSAGE],
    ...answer(10, "r1", "a"),
    [900, "sent", RESULT],
    [950, "sent", RESULT],
    ...answer(1000, "r2", "b"),
  );
  assert.deepEqual(
    found.map(({ kind, stages }) => [kind, stages.created]),
    [
      ["text", 10],
      ["tool", 50],
    ],
  );
});

test("an answer that nobody asked for here belongs to no turn", () => {
  const found = turns([0, "sent", MESSAGE], ...answer(10, "r1", "a"), ...answer(5000, "r2", "b"));
  assert.equal(found.length, 1);
  assert.equal(found[0].stages.heard, 170);
});

test("a turn that goes on before its answer is timed from its end", () => {
  const stopped = (at, item) => [at, "received", { type: "input_audio_buffer.speech_stopped", item_id: item }];
  const found = turns(stopped(0, "u1"), stopped(2000, "u2"), ...answer(2100, "r", "a"));
  assert.deepEqual(
    found.map(({ stages }) => stages.created),
    [100],
  );
});

test("what the platform tells of an answer stands with its turn", () => {
  const [turn] = turns(
    [0, "sent", MESSAGE],
    ...answer(10, "r", "a"),
    [99, "received", { type: "antiphon.latency.decided", response_id: "r", reason: "A hedge was sent." }],
    [
      99,
      "received",
      {
        type: "antiphon.attempt.ended",
        response_id: "r",
        model: "local/x",
        outcome: "completed",
        first_output_ms: 12.4,
        duration_ms: 80,
      },
    ],
    [
      99,
      "received",
      {
        type: "antiphon.attempt.ended",
        response_id: "",
        model: "local/y",
        outcome: "superseded",
        first_output_ms: null,
        duration_ms: 8,
      },
    ],
  );
  assert.deepEqual(turn.notes, ["A hedge was sent.", "local/x: completed, first output after 12 ms, 80 ms in all."]);
});
