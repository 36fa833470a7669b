import { Connection } from "./connection.js";
import { Microphone } from "./microphone.js";
import { Speaker } from "./speaker.js";

/**
 * One session with its microphone and its speaker, from the first word to the last. Handlers: `onstate(state, why)`,
 * `onevent(direction, event, bytes)`, `onplaying(item)`, `oninterrupted(item, heardMs)`, `onmicrophone(microphone)`.
 */
export class Call {
  microphone = null;
  speaker = null;
  playing = null; // the item that sounds
  #connection;
  #response = null; // that is being generated
  #silenced = null; // the response of which nothing more is played
  #pressed = false;
  #settled = []; // who waits for the connection

  constructor({ endpoint, secret, session, handlers }) {
    Object.assign(this, { secret, session, handlers });
    this.#connection = new Connection(endpoint, {
      onstate: (state, why) => this.#changed(state, why),
      onevent: (event, bytes) => this.#received(event, bytes),
      onsent: (event, bytes) => handlers.onevent("out", event, bytes),
    });
  }

  get state() {
    return this.#connection.state;
  }

  get answering() {
    return this.#response !== null;
  }

  /** Opens a session unless there is one. Resolves to whether it is open. */
  async connect(query) {
    if (this.state === "open") return true;
    const settled = new Promise((resolve) => this.#settled.push(resolve));
    if (this.state === "closed" && this.#settled.length === 1) {
      try {
        this.speaker = await Speaker.open({ onplaying: (item) => this.#plays(item) });
        this.#connection.open({ query, secret: await this.secret() });
      } catch (error) {
        this.#changed("closed", error.message);
      }
    }
    return settled;
  }

  /** Raises what getUserMedia does. */
  async listen(device, muted) {
    this.microphone?.close();
    this.microphone = await Microphone.open({
      device,
      onaudio: (audio) => this.send({ type: "input_audio_buffer.append", audio }),
      onended: () => this.deafen("The microphone was taken away. Press Talk to choose another one."),
    });
    this.microphone.muted = muted;
    this.handlers.onmicrophone(this.microphone);
  }

  deafen(why = "") {
    this.microphone?.close();
    this.microphone = null;
    this.handlers.onmicrophone(null, why);
  }

  /** Tells the server of settings that changed. */
  update() {
    this.send({ type: "session.update", session: this.session() });
  }

  async say(text) {
    await this.#takeOver();
    this.send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content: [{ type: "input_text", text }] },
    });
    this.send({ type: "response.create" });
  }

  /** The button of push to talk goes down. */
  press() {
    if (this.#pressed || !this.microphone || this.state !== "open") return false;
    this.#pressed = true;
    this.#takeOver();
    this.send({ type: "input_audio_buffer.clear" });
    this.microphone.muted = false;
    return true;
  }

  release() {
    if (!this.#pressed) return;
    this.#pressed = false;
    if (this.microphone) this.microphone.muted = true;
    this.send({ type: "input_audio_buffer.commit" });
    this.send({ type: "response.create" });
  }

  answer(call, output, { more }) {
    this.send({
      type: "conversation.item.create",
      item: { type: "function_call_output", call_id: call.callId, output },
    });
    if (!more) this.send({ type: "response.create" });
  }

  approve(call, approve, { more }) {
    this.send({
      type: "conversation.item.create",
      item: { type: "mcp_approval_response", approval_request_id: call.item, approve },
    });
    if (!more) this.send({ type: "response.create" });
  }

  send(event) {
    return this.#connection.send(event);
  }

  stop() {
    this.#connection.close();
  }

  /** The user acts where the server can't hear it: what is being said ends, and so does what is being written. */
  #takeOver() {
    if (this.#response) this.send({ type: "response.cancel", response_id: this.#response });
    if (this.playing) this.send({ type: "output_audio_buffer.clear" });
    return this.#fallSilent();
  }

  /** At once, and the server is told what was heard. */
  async #fallSilent() {
    this.#silenced = this.#response;
    for (const { item, heardMs } of await this.speaker.stop()) {
      this.send({ type: "conversation.item.truncate", item_id: item, content_index: 0, audio_end_ms: heardMs });
      this.handlers.oninterrupted(item, heardMs);
    }
  }

  #plays(item) {
    this.playing = item;
    this.handlers.onplaying(item);
  }

  #received(event, bytes) {
    this.handlers.onevent("in", event, bytes);
    if (event.type === "session.created") this.#begun();
    else if (event.type === "response.created") this.#response = event.response.id;
    else if (event.type === "response.done" && event.response.id === this.#response) this.#response = null;
    else if (event.type === "response.output_audio.delta" && event.response_id !== this.#silenced) {
      this.speaker.play(event.item_id, event.delta);
    } else if (event.type === "input_audio_buffer.speech_started" && this.#mayInterrupt()) this.#fallSilent();
    // What the model takes as heard is told by the item itself.
    else if (event.type === "conversation.item.truncated")
      this.send({ type: "conversation.item.retrieve", item_id: event.item_id });
  }

  #mayInterrupt() {
    return this.session().audio.input.turn_detection?.interrupt_response !== false;
  }

  /** After a connection broke the server knows the settings: being told again changes nothing. */
  #begun() {
    this.update();
    this.#settle(true);
  }

  #changed(state, why) {
    if (state === "closed") {
      this.deafen();
      this.speaker?.close();
      [this.speaker, this.playing, this.#response] = [null, null, null];
      this.#pressed = false;
      this.#settle(false);
    }
    this.handlers.onstate(state, why);
  }

  #settle(open) {
    for (const resolve of this.#settled.splice(0)) resolve(open);
  }
}
