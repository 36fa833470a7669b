// One session over WebSockets: when a connection breaks, the next one goes on with the same session.
const WAITS_MS = [0, 500, 1000, 2000, 4000, 8000, 8000];
const WORDS = {
  1000: "The session has ended.",
  1001: "The session has reached its longest duration.",
  1008: "The browser did not read for too long.",
  1012: "The server restarts. Start again in a moment.",
  4001: "The session goes on in another window.",
};
const FINAL = new Set([1000, 1001, 1008, 1012, 3000, 4000, 4001]);

export class Connection {
  #socket = null;
  #secret;
  #resume = null; // the token of the session, once it has begun
  #last = null; // the id of the newest event
  #refusal = ""; // what an error said, should the connection close because of it
  #tries = 0;
  #timer;

  /**
   * `url` is of the realtime endpoint, without a query. Handlers: `onstate(state, why)`, state one of connecting, open,
   * resuming, closed; `onevent(event, bytes)`; `onsent(event, bytes)`. `WebSocket` and `later` are those of the browser.
   */
  constructor(url, handlers, { WebSocket = globalThis.WebSocket, later = (run, ms) => setTimeout(run, ms) } = {}) {
    Object.assign(this, { url, ...handlers, WebSocket, later });
    this.state = "closed";
  }

  /** `query` names the model, and gives the variables of an agent. */
  open({ query, secret }) {
    this.#secret = secret;
    this.#change("connecting");
    this.#connect(query);
  }

  /** Whether it was sent. */
  send(event) {
    if (this.state !== "open") return false;
    const text = JSON.stringify(event);
    this.#socket.send(text);
    this.onsent(event, text.length);
    return true;
  }

  /** Ends the session. */
  close() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#change("closed");
  }

  #connect(query) {
    const protocols = ["realtime", `openai-insecure-api-key.${this.#secret}`];
    const socket = new this.WebSocket(`${this.url}?${new URLSearchParams(query)}`, protocols);
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#received(data);
    };
    socket.onclose = ({ code }) => {
      if (socket === this.#socket) this.#lost(code);
    };
  }

  #received(data) {
    const event = JSON.parse(data);
    if (event.type === "session.created") {
      this.#resume = event.session.resume_token ?? null;
      this.#tries = 0;
      this.#change("open");
    } else if (event.type === "error") this.#refusal = event.error.message;
    this.#last = event.event_id ?? this.#last;
    this.onevent(event, data.length);
  }

  #lost(code) {
    this.#socket = null;
    const goesOn = this.#resume && !FINAL.has(code) && this.#tries < WAITS_MS.length;
    if (!goesOn) {
      this.#change("closed", this.#reason(code));
      return;
    }
    this.#change("resuming");
    this.#timer = this.later(
      () => this.#connect({ resume: this.#resume, last_event_id: this.#last }),
      WAITS_MS[this.#tries++],
    );
  }

  #reason(code) {
    if (code === 3000 || code === 4000) return this.#refusal || "The server refused the session.";
    return WORDS[code] ?? (this.#resume ? "The connection was lost." : "The server can't be reached.");
  }

  #change(state, why = "") {
    if (state === this.state) return;
    this.state = state;
    this.onstate(state, why);
  }
}
