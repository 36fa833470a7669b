import assert from "node:assert/strict";
import { test } from "node:test";
import { LANGUAGES } from "../../../apps/dashboard/static/dashboard/js/playground/code_export.js";
import {
  NAMES,
  fromUrl,
  toHash,
  toSession,
  toVariables,
  toolsProblem,
} from "../../../apps/dashboard/static/dashboard/js/playground/settings.js";

const NONE = Object.fromEntries(NAMES.map((name) => [name, ""]));
const TOOLS = [{ type: "function", name: "get_weather", parameters: { type: "object" } }];
const ALL = {
  model: "groq/x",
  variables: "",
  voice: "joe",
  instructions: "Be brief & kind: 100 %",
  language: "en",
  turn: "server_vad",
  eagerness: "",
  silence: "600",
  modality: "audio",
  temperature: "0.5",
  speed: "1.25",
  max_tokens: "200",
  tools: JSON.stringify(TOOLS),
};

test("settings survive the address", () => {
  assert.deepEqual(fromUrl({ search: "", hash: toHash(ALL) }), ALL);
  assert.equal(toHash(NONE), "");
});

test("a link may name the agent in its query, and its hash counts more", () => {
  assert.equal(fromUrl({ search: "?model=agent/a", hash: "" }).model, "agent/a");
  assert.equal(fromUrl({ search: "?model=agent/a", hash: "#model=agent/b" }).model, "agent/b");
});

test("the agents' own pages link to a version by its parts", () => {
  assert.equal(fromUrl({ search: "?agent=desk&version=draft", hash: "" }).model, "agent/desk@draft");
  assert.equal(fromUrl({ search: "?agent=desk", hash: "" }).model, "agent/desk");
});

test("variables are read line by line, and what is no assignment is left out", () => {
  assert.deepEqual(toVariables({ variables: "name = Ada Lovelace\n\nsum=1+1=2\nnothing" }), {
    "var.name": "Ada Lovelace",
    "var.sum": "1+1=2",
  });
});

test("everything that is set reaches the session", () => {
  assert.deepEqual(toSession(ALL), {
    type: "realtime",
    instructions: "Be brief & kind: 100 %",
    output_modalities: ["audio"],
    audio: {
      input: { transcription: { language: "en" }, turn_detection: { type: "server_vad", silence_duration_ms: 600 } },
      output: { voice: "joe", speed: 1.25 },
    },
    tools: TOOLS,
    temperature: 0.5,
    max_output_tokens: 200,
  });
});

test("an agent keeps what is not set; who has none waits for the meaning of a turn", () => {
  assert.deepEqual(toSession({ ...NONE, model: "agent/desk" }), {
    type: "realtime",
    audio: { input: { transcription: {} } },
  });
  assert.deepEqual(toSession(NONE).audio.input.turn_detection, { type: "semantic_vad" });
});

test("push to talk has no turn detection, which is not the same as none said", () => {
  assert.equal(toSession({ ...NONE, turn: "none" }).audio.input.turn_detection, null);
});

test("tools that can't be used are not sent, and the reason is told", () => {
  assert.equal(toSession({ ...NONE, tools: "[{]" }).tools, undefined);
  assert.match(toolsProblem("[{]"), /not JSON/);
  assert.match(toolsProblem("{}"), /list/);
  assert.match(toolsProblem('[{"name": "x"}]'), /Tool 1 lacks a type/);
  assert.equal(toolsProblem(ALL.tools), "");
});

const facts = {
  baseUrl: "https://voice.example.com/v1",
  model: "agent/desk",
  variables: { "var.name": "Ada" },
  session: toSession({ ...ALL, turn: "none", instructions: 'Don\'t say "no"' }),
};

test("curl sends the session as JSON, whatever quotes it has", () => {
  const [, body] = LANGUAGES.curl(facts).match(/-d '([\s\S]*)'\n$/);
  const sent = JSON.parse(body.replaceAll(`'\\''`, "'"));
  assert.deepEqual(sent.session, {
    ...facts.session,
    model: "agent/desk",
    providerData: { antiphon: { variables: { name: "Ada" } } },
  });
});

test("JavaScript has the session as it is", () => {
  const [, session] = LANGUAGES.javascript(facts).match(/session: (\{[\s\S]*?\n {4}\}),/);
  assert.deepEqual(JSON.parse(session), facts.session);
  assert.match(
    LANGUAGES.javascript(facts),
    /"wss:\/\/voice.example.com\/v1\/realtime\?model=agent%2Fdesk&var.name=Ada"/,
  );
});

test("Python gives the variables, if there are any", () => {
  assert.match(LANGUAGES.python(facts), /model="agent\/desk", extra_query=\{\s*"var.name": "Ada",\s*\}\)/);
  assert.doesNotMatch(LANGUAGES.python({ ...facts, variables: {} }), /extra_query/);
});

test("Python writes None and True as Python does", () => {
  const code = LANGUAGES.python({ ...facts, session: { a: null, b: true, c: [], d: {}, e: [1, "x"] } });
  assert.match(code, /"a": None,\n *"b": True,\n *"c": \[\],\n *"d": \{\},\n *"e": \[\n *1,\n *"x",\n *\],/);
});
