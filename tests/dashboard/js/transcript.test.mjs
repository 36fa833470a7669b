import assert from "node:assert/strict";
import { test } from "node:test";
import { ToolCalls, resultProblem } from "../../../apps/dashboard/static/dashboard/js/playground/tool_calls.js";
import { Transcript, heardAndNot } from "../../../apps/dashboard/static/dashboard/js/playground/transcript.js";

function after(...events) {
  const transcript = new Transcript();
  for (const event of events) transcript.apply(event);
  return transcript;
}
const words = (item_id, delta) => ({ type: "response.output_audio_transcript.delta", item_id, delta });
const heard = (item_id, delta) => ({ type: "conversation.item.input_audio_transcription.delta", item_id, delta });
const told = ({ lines }) => lines.map(({ role, text, state }) => [role, text, state]);

test("words appear as they come, and the final transcript has the last say", () => {
  const transcript = after(
    { type: "input_audio_buffer.speech_started", item_id: "u" },
    heard("u", "He was"),
    heard("u", " knot"),
    words("a", "I "),
    { type: "conversation.item.input_audio_transcription.completed", item_id: "u", transcript: "He was not." },
    words("a", "heard."),
    { type: "response.output_audio_transcript.done", item_id: "a", transcript: "I heard." },
  );
  assert.deepEqual(told(transcript), [
    ["user", "He was not.", "done"],
    ["agent", "I heard.", "done"],
  ]);
});

test("typed messages and written answers are lines too, in the order of the conversation", () => {
  const message = (id, role, text, previous) => ({
    type: "conversation.item.added",
    previous_item_id: previous,
    item: { id, type: "message", role, content: [{ text }] },
  });
  const transcript = after(
    message("1", "user", "Hello", null),
    message("3", "user", "Bye", "1"),
    message("2", "user", "How are you?", "1"),
    { type: "response.output_text.delta", item_id: "4", delta: "Fine" },
    message("0", "system", "Secret", null),
  );
  assert.deepEqual(
    transcript.lines.map(({ text }) => text),
    ["Hello", "How are you?", "Bye", "Fine"],
  );
});

test("of an interrupted answer it is told what was heard", () => {
  const transcript = after(words("a", "One, two, three."));
  transcript.interrupt("a");
  assert.deepEqual(heardAndNot(transcript.find("a")), ["One, two, three.", ""], "not known yet");
  transcript.apply({ type: "conversation.item.retrieved", item: { id: "a", content: [{ transcript: "One, two," }] } });
  assert.deepEqual(heardAndNot(transcript.find("a")), ["One, two,", " three."]);
});

test("who asks for an item that was not interrupted changes nothing", () => {
  const transcript = after(words("a", "One."), {
    type: "conversation.item.retrieved",
    item: { id: "a", content: [{ transcript: "" }] },
  });
  assert.deepEqual(heardAndNot(transcript.find("a")), ["One.", ""]);
});

test("speech that could not be transcribed says why", () => {
  const transcript = after({
    type: "conversation.item.input_audio_transcription.failed",
    item_id: "u",
    error: { message: "No server." },
  });
  assert.deepEqual(told(transcript), [["user", "No server.", "failed"]]);
});

const call = { id: "i", type: "function_call", call_id: "c", name: "get_weather", arguments: "{}" };

test("a function is asked for once its arguments are complete, and until its result is there", () => {
  const tools = new ToolCalls();
  assert.equal(tools.apply({ type: "conversation.item.added", item: { ...call, arguments: "" } }), null);
  assert.equal(tools.apply({ type: "response.output_item.done", item: call }).state, "asked");
  assert.equal(tools.open.length, 1);
  const answered = tools.apply({
    type: "conversation.item.added",
    item: { type: "function_call_output", call_id: "c", output: "1" },
  });
  assert.deepEqual([answered.state, answered.output], ["answered", "1"]);
  assert.equal(tools.open.length, 0);
});

test("a tool that the platform runs is shown, not asked", () => {
  const tools = new ToolCalls();
  const item = {
    id: "m",
    type: "mcp_call",
    server_label: "shop",
    name: "find",
    arguments: "{}",
    output: null,
    error: null,
  };
  assert.equal(tools.apply({ type: "conversation.item.added", item }).state, "running");
  assert.equal(tools.open.length, 0);
  assert.equal(tools.apply({ type: "response.output_item.done", item: { ...item, output: "[]" } }).state, "answered");
  assert.equal(
    tools.apply({ type: "response.output_item.done", item: { ...item, error: { message: "Gone" } } }).state,
    "failed",
  );
});

test("a tool that needs approval waits for it", () => {
  const tools = new ToolCalls();
  tools.apply({
    type: "response.output_item.done",
    item: { id: "p", type: "mcp_approval_request", server_label: "shop", name: "buy", arguments: "{}" },
  });
  assert.equal(tools.open[0].state, "approval");
  tools.apply({
    type: "conversation.item.added",
    item: { type: "mcp_approval_response", approval_request_id: "p", approve: false },
  });
  assert.equal(tools.find("p").output, "Refused.");
});

test("a result must be JSON", () => {
  assert.equal(resultProblem('{"ok": true}'), "");
  assert.match(resultProblem(" "), /Type the result/);
  assert.match(resultProblem("{ok}"), /not JSON/);
});
