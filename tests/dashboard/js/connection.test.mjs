import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../../../apps/dashboard/static/dashboard/js/playground/connection.js";

/** A connection over sockets that the test plays the server of. */
function connected() {
  const sockets = [];
  const seen = { states: [], events: [], sent: [] };
  class WebSocket {
    sent = [];
    constructor(url, protocols) {
      Object.assign(this, { url: new URL(url), protocols });
      sockets.push(this);
    }
    send(text) {
      this.sent.push(JSON.parse(text));
    }
    close() {
      this.closed = true;
    }
    receives(event) {
      this.onmessage({ data: JSON.stringify(event) });
    }
  }
  const handlers = {
    onstate: (state, why) => seen.states.push(why ? `${state}: ${why}` : state),
    onevent: (event) => seen.events.push(event.type),
    onsent: (event) => seen.sent.push(event.type),
  };
  const connection = new Connection("wss://example.com/v1/realtime", handlers, { WebSocket, later: (run) => run() });
  connection.open({ query: { model: "agent/desk", "var.name": "Ada" }, secret: "ek_1" });
  return { connection, sockets, seen };
}
const CREATED = { type: "session.created", event_id: "e1", session: { resume_token: "token" } };

test("it connects with the secret as a subprotocol, and is open once the session is there", () => {
  const { connection, sockets, seen } = connected();
  assert.equal(sockets[0].url.search, "?model=agent%2Fdesk&var.name=Ada");
  assert.deepEqual(sockets[0].protocols, ["realtime", "openai-insecure-api-key.ek_1"]);
  assert.equal(connection.send({ type: "response.create" }), false);
  sockets[0].receives(CREATED);
  assert.equal(connection.send({ type: "response.create" }), true);
  assert.deepEqual(seen, { states: ["connecting", "open"], events: ["session.created"], sent: ["response.create"] });
});

test("a connection that breaks goes on after the last event, and what the old one still says is not heard", () => {
  const { sockets, seen } = connected();
  sockets[0].receives(CREATED);
  sockets[0].receives({ type: "response.created", event_id: "e2" });
  sockets[0].onclose({ code: 1006 });
  assert.equal(sockets[1].url.search, "?resume=token&last_event_id=e2");
  sockets[0].receives({ type: "response.done", event_id: "e3" });
  sockets[1].receives({ ...CREATED, event_id: "e4" });
  assert.deepEqual(seen.states, ["connecting", "open", "resuming", "open"]);
  assert.ok(!seen.events.includes("response.done"));
});

test("it gives up when the server stays away", () => {
  const { sockets, seen } = connected();
  sockets[0].receives(CREATED);
  for (let n = 0; n < sockets.length && n < 50; n++) sockets[n].onclose({ code: 1006 });
  assert.ok(sockets.length < 12);
  assert.equal(seen.states.at(-1), "closed: The connection was lost.");
});

test("a refusal is final, and its reason is told", () => {
  const { sockets, seen } = connected();
  sockets[0].receives({ type: "error", error: { message: "There is no agent 'desk'." } });
  sockets[0].onclose({ code: 4000 });
  assert.equal(sockets.length, 1);
  assert.equal(seen.states.at(-1), "closed: There is no agent 'desk'.");
});

test("a server that was never reached is not asked again and again", () => {
  const { sockets, seen } = connected();
  sockets[0].onclose({ code: 1006 });
  assert.equal(sockets.length, 1);
  assert.equal(seen.states.at(-1), "closed: The server can't be reached.");
});

test("stopping closes for good", () => {
  const { connection, sockets, seen } = connected();
  sockets[0].receives(CREATED);
  connection.close();
  sockets[0].onclose({ code: 1000 });
  assert.ok(sockets[0].closed);
  assert.deepEqual(seen.states, ["connecting", "open", "closed"]);
});
