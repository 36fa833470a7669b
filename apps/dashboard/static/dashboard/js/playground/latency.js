// How long each turn took, from when the user had finished. The clock is the page's: what people wait for.
export const STAGES = {
  transcript: "Transcript",
  created: "Response begun",
  text: "First text",
  audio: "First audio",
  heard: "First sound",
};
const FIRST = {
  "response.output_text.delta": "text",
  "response.output_audio_transcript.delta": "text",
  "response.function_call_arguments.delta": "text",
  "response.output_audio.delta": "audio",
};

export class LatencyLog {
  /** Oldest first: {kind, item, response, at, stages: {name: ms}, notes: [sentence]}. */
  turns = [];

  /** What the client sent. `at` is in milliseconds, here and below. */
  sent(event, at) {
    if (event.type === "input_audio_buffer.commit") this.#begin("speech", at);
    if (event.type === "conversation.item.create") this.#begin(event.item.type === "message" ? "text" : "tool", at);
  }

  received(event, at) {
    const { type } = event;
    if (type === "input_audio_buffer.speech_stopped") this.#begin("speech", at, event.item_id);
    else if (type === "input_audio_buffer.committed") this.#committed(event.item_id);
    else if (type === "conversation.item.input_audio_transcription.completed") {
      this.#mark(this.#find("item", event.item_id), "transcript", at);
    } else if (type === "response.created") this.#answered(event.response.id, at);
    else if (FIRST[type]) this.#mark(this.#find("response", event.response_id), FIRST[type], at, event.item_id);
    else if (type.startsWith("antiphon.")) this.#find("response", event.response_id)?.notes.push(note(event));
  }

  /** The speaker plays this item. */
  heard(item, at) {
    this.#mark(this.#find("said", item), "heard", at);
  }

  #begin(kind, at, item = null) {
    const last = this.turns.at(-1);
    // A turn that goes on after a pause, or a second result before the answer, is still the same.
    if (last && !last.response) this.turns.pop();
    this.turns.push({ kind, at, item, response: null, said: null, stages: {}, notes: [] });
  }

  #committed(item) {
    const last = this.turns.at(-1);
    if (last && !last.item && last.kind === "speech") last.item = item;
  }

  #answered(response, at) {
    const last = this.turns.at(-1);
    if (!last || last.response) return;
    last.response = response;
    this.#mark(last, "created", at);
  }

  #mark(turn, stage, at, said = null) {
    if (!turn) return;
    if (said) turn.said = said;
    turn.stages[stage] ??= Math.max(0, at - turn.at);
  }

  #find(field, value) {
    return this.turns.findLast((turn) => turn[field] === value);
  }
}

/** What the platform itself tells of an answer, in a sentence. */
function note(event) {
  if (event.type === "antiphon.latency.decided") return event.reason;
  const first = event.first_output_ms === null ? "" : `, first output after ${Math.round(event.first_output_ms)} ms`;
  return `${event.model}: ${event.outcome}${first}, ${Math.round(event.duration_ms)} ms in all.`;
}

/** [{stage, label, from, to}] in order of time, each from the end of the one before. */
export function segments(turn) {
  const reached = Object.keys(STAGES).filter((stage) => stage in turn.stages);
  reached.sort((a, b) => turn.stages[a] - turn.stages[b]);
  let from = 0;
  return reached.map((stage) => {
    const to = turn.stages[stage];
    const segment = { stage, label: STAGES[stage], from, to };
    from = to;
    return segment;
  });
}
