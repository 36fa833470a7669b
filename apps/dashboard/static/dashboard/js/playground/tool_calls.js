// Calls of tools: those that the page must answer, and those that the platform runs itself.
export class ToolCalls {
  #byItem = new Map();

  /** Returns the call that changed, or null: {item, callId, name, server, arguments, state, output}. `state` is one of
   * asked, running, approval, answered, failed. */
  apply(event) {
    const { type, item } = event;
    if (
      item &&
      (type === "response.output_item.done" || type === "conversation.item.added" || type === "conversation.item.done")
    ) {
      return this.#item(item, type);
    }
    if (type === "response.mcp_call.in_progress") return this.#change(event.item_id, { state: "running" });
    if (type === "response.mcp_call.failed") return this.#change(event.item_id, { state: "failed" });
    return null;
  }

  /** Those that wait for somebody. */
  get open() {
    return [...this.#byItem.values()].filter(({ state }) => state === "asked" || state === "approval");
  }

  find(item) {
    return this.#byItem.get(item);
  }

  clear() {
    this.#byItem.clear();
  }

  #item(item, type) {
    if (item.type === "function_call_output") return this.#answered(item);
    if (item.type === "mcp_approval_response")
      return this.#change(item.approval_request_id, {
        state: "answered",
        output: item.approve ? "Approved." : "Refused.",
      });
    if (item.type === "mcp_approval_request") return this.#open(item, { server: item.server_label, state: "approval" });
    if (item.type === "mcp_call") return this.#remote(item);
    // Its arguments are complete, and it may be run, once it is done.
    if (item.type === "function_call" && type === "response.output_item.done") {
      return this.#open(item, { callId: item.call_id, server: "", state: "asked" });
    }
    return null;
  }

  #open(item, facts) {
    const known = this.#byItem.get(item.id);
    if (known && known.state !== "running") return null;
    const call = { item: item.id, callId: null, name: item.name, arguments: item.arguments, output: null, ...facts };
    this.#byItem.set(item.id, call);
    return call;
  }

  #remote(item) {
    const call = this.#byItem.get(item.id) ?? this.#open(item, { server: item.server_label, state: "running" });
    call.arguments = item.arguments;
    if (item.error) Object.assign(call, { state: "failed", output: item.error.message });
    else if (item.output !== null && item.output !== undefined)
      Object.assign(call, { state: "answered", output: item.output });
    return call;
  }

  #answered({ call_id, output }) {
    const call = [...this.#byItem.values()].find((call) => call.callId === call_id);
    return call ? Object.assign(call, { state: "answered", output }) : null;
  }

  #change(item, facts) {
    const call = this.#byItem.get(item);
    return call ? Object.assign(call, facts) : null;
  }
}

/** What is wrong with a result that was typed, in a sentence; empty if it is JSON. */
export function resultProblem(text) {
  if (!text.trim()) return 'Type the result as JSON, like {"ok": true}.';
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return `This is not JSON: ${error.message}.`;
  }
}
