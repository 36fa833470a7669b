// What was said, as lines in the order of the conversation. `apply` returns the lines that changed.
export class Transcript {
  lines = [];
  #byId = new Map();

  /** A line: {id, role: "user" | "agent" | "tool", text, state: "partial" | "done" | "failed", heard: null | text, cut}. */
  apply(event) {
    const handle = HANDLERS[event.type];
    const line = handle?.call(this, event);
    return line ? [line] : [];
  }

  /** The agent's item was interrupted: what was heard of it is not known yet. */
  interrupt(id) {
    const line = this.#byId.get(id);
    if (line) line.cut = true;
    return line ? [line] : [];
  }

  clear() {
    this.lines = [];
    this.#byId.clear();
  }

  find(id) {
    return this.#byId.get(id);
  }

  open(id, role, previous = null) {
    let line = this.#byId.get(id);
    if (line) return line;
    line = { id, role, text: "", state: "partial", heard: null, cut: false };
    this.#byId.set(id, line);
    const after = previous ? this.lines.findIndex((other) => other.id === previous) : -1;
    this.lines.splice(after < 0 ? this.lines.length : after + 1, 0, line);
    return line;
  }
}

const CALLS = new Set(["function_call", "mcp_call", "mcp_approval_request"]);

const HANDLERS = {
  "input_audio_buffer.speech_started"({ item_id }) {
    return this.open(item_id, "user");
  },
  "input_audio_buffer.committed"({ item_id }) {
    return this.open(item_id, "user");
  },
  "conversation.item.added"({ item, previous_item_id }) {
    return added(this, item, previous_item_id);
  },
  "conversation.item.input_audio_transcription.delta"({ item_id, delta }) {
    return extend(this.open(item_id, "user"), delta);
  },
  "conversation.item.input_audio_transcription.completed"({ item_id, transcript }) {
    return finish(this.open(item_id, "user"), transcript);
  },
  "conversation.item.input_audio_transcription.failed"({ item_id, error }) {
    return Object.assign(finish(this.open(item_id, "user"), error.message), { state: "failed" });
  },
  "response.output_audio_transcript.delta"({ item_id, delta }) {
    return extend(this.open(item_id, "agent"), delta);
  },
  "response.output_text.delta"({ item_id, delta }) {
    return extend(this.open(item_id, "agent"), delta);
  },
  "response.output_audio_transcript.done"({ item_id, transcript }) {
    return finish(this.open(item_id, "agent"), transcript);
  },
  "response.output_text.done"({ item_id, text }) {
    return finish(this.open(item_id, "agent"), text);
  },
  "conversation.item.retrieved"({ item }) {
    const line = this.find(item.id);
    if (line?.cut) line.heard = item.content[0]?.transcript ?? "";
    return line;
  },
};

function added(transcript, item, previous) {
  if (CALLS.has(item.type)) return transcript.open(item.id, "tool", previous);
  if (item.type !== "message" || item.role === "system") return null;
  const line = transcript.open(item.id, item.role === "user" ? "user" : "agent", previous);
  const typed = item.content.find((part) => part.text !== undefined)?.text;
  return typed ? finish(line, typed) : line;
}

function extend(line, delta) {
  if (line.state === "partial") line.text += delta;
  return line;
}

function finish(line, text) {
  return Object.assign(line, { text, state: "done" });
}

/** A line's text in two: what was heard, and what was not because it was interrupted. */
export function heardAndNot(line) {
  if (line.heard === null) return [line.text, ""];
  const heard = line.text.startsWith(line.heard) ? line.heard.length : common(line.text, line.heard);
  return [line.text.slice(0, heard), line.text.slice(heard)];
}

function common(a, b) {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
