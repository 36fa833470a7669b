// The settings of the page: plain texts by name, in the URL, and what they mean to the protocol.
export const NAMES = [
  "model",
  "variables",
  "voice",
  "instructions",
  "language",
  "turn",
  "eagerness",
  "silence",
  "modality",
  "temperature",
  "speed",
  "max_tokens",
  "tools",
];
const AGENT = "agent/";

/** From a page's query, where an agent may also be named by `agent` and `version`, and its hash, which counts more. */
export function fromUrl({ search, hash }) {
  const query = params(search.slice(1));
  if (query.agent) query.model = AGENT + query.agent + (query.version ? `@${query.version}` : "");
  const given = { ...query, ...params(hash.slice(1)) };
  return Object.fromEntries(NAMES.map((name) => [name, given[name] ?? ""]));
}

/** A hash, for it does not reach the server's log as a query would. Empty settings are left out. */
export function toHash(settings) {
  const set = NAMES.filter((name) => settings[name]).map((name) => [name, settings[name]]);
  return set.length ? `#${new URLSearchParams(set)}` : "";
}

export const isAgent = (settings) => settings.model.startsWith(AGENT);

/** The values that an agent's texts are filled with, as a session's address takes them. */
export function toVariables({ variables }) {
  const pairs = variables
    .split("\n")
    .map((line) => line.match(/^\s*([^=]+?)\s*=\s*(.*?)\s*$/))
    .filter(Boolean);
  return Object.fromEntries(pairs.map(([, name, value]) => [`var.${name}`, value]));
}

export const isPushToTalk = (settings) => settings.turn === "none";

/** The `session` of a `session.update`: only what was set, so that an agent keeps the rest of its own. */
export function toSession(settings) {
  const input = { transcription: settings.language ? { language: settings.language } : {} };
  const detection = turnDetection(settings);
  if (detection !== undefined) input.turn_detection = detection;
  const output = compact({ voice: settings.voice, speed: number(settings.speed) });
  return compact({
    type: "realtime",
    instructions: settings.instructions,
    output_modalities: settings.modality && [settings.modality],
    audio: Object.keys(output).length ? { input, output } : { input },
    tools: settings.tools && tools(settings.tools),
    temperature: number(settings.temperature),
    max_output_tokens: number(settings.max_tokens),
  });
}

/** Why the tools can't be used, in a sentence; empty if they can. */
export function toolsProblem(text) {
  if (!text.trim()) return "";
  let list;
  try {
    list = JSON.parse(text);
  } catch (error) {
    return `This is not JSON: ${error.message}.`;
  }
  if (!Array.isArray(list)) return "Tools are a list: begin with [ and end with ].";
  const nameless = list.findIndex((tool) => !tool || typeof tool !== "object" || !tool.type);
  return nameless < 0 ? "" : `Tool ${nameless + 1} lacks a type: give it "type": "function", or "mcp".`;
}

/** An agent turns as it was made to; everybody else by meaning, unless something is chosen. */
function turnDetection(settings) {
  const { turn, eagerness, silence } = settings;
  const type = turn || (eagerness || !isAgent(settings) ? "semantic_vad" : "");
  if (type === "none") return null;
  if (type === "server_vad") return compact({ type, silence_duration_ms: number(silence) });
  return type ? compact({ type, eagerness }) : undefined;
}

function tools(text) {
  return toolsProblem(text) ? undefined : JSON.parse(text);
}

const params = (text) => Object.fromEntries(new URLSearchParams(text));
const number = (text) => (text === "" || Number.isNaN(Number(text)) ? undefined : Number(text));
const compact = (object) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== ""));
