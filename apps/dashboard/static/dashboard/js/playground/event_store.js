// Every event of a session, both ways, as the inspector shows them. The oldest go when there are too many.
export const LIMIT = 10_000;
const GROUPS = {
  session: "session",
  input_audio_buffer: "input",
  conversation: "conversation",
  response: "response",
  output_audio_buffer: "response",
  error: "error",
};
const AUDIO = new Set(["input_audio_buffer.append", "response.output_audio.delta"]);

export class EventStore {
  #events = [];
  #started = null;
  #count = 0;

  /** `direction` is "out" or "in", `at` milliseconds of any clock, `size` what went over the wire, in bytes. */
  add(direction, event, { at, size }) {
    this.#started ??= at;
    const { type } = event;
    const entry = {
      number: ++this.#count,
      direction,
      type,
      group: groupOf(type),
      audio: AUDIO.has(type),
      offset: at - this.#started,
      size,
      event,
    };
    this.#events.push(entry);
    // In large steps, for each moves all that is left.
    if (this.#events.length > LIMIT * 1.1) this.#events.splice(0, this.#events.length - LIMIT);
    return entry;
  }

  get length() {
    return this.#events.length;
  }

  clear() {
    this.#events = [];
    this.#started = null;
  }

  filtered(filter) {
    return this.#events.filter((entry) => matches(entry, filter));
  }
}

/** Whether it is to be shown. `text` may be anywhere in the event; audio is left out unless `audio` is true. */
export function matches(entry, { text = "", direction = "", group = "", audio = false }) {
  if (entry.audio && !audio) return false;
  if (direction && entry.direction !== direction) return false;
  if (group && entry.group !== group) return false;
  return !text || searchable(entry).includes(text.toLowerCase());
}

export function asLines(entries) {
  return entries
    .map(({ direction, offset, event }) => `${JSON.stringify({ direction, offset_ms: Math.round(offset), event })}\n`)
    .join("");
}

/** One event without the audio that nobody reads: that is told by its length. */
export function pretty(event) {
  const short = (key, value) =>
    (key === "audio" || key === "delta") && typeof value === "string" && value.length > 400
      ? `(${value.length} characters of base64)`
      : value;
  return JSON.stringify(event, short, 2);
}

export function sizeText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function groupOf(type) {
  return GROUPS[type.split(".")[0]] ?? "other";
}

/** Its text in lower case; of audio only the type, for base64 says nothing. Kept, as each keystroke asks anew. */
function searchable(entry) {
  entry.searchable ??= entry.audio ? entry.type : JSON.stringify(entry.event).toLowerCase();
  return entry.searchable;
}
