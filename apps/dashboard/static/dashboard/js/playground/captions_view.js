import { element } from "./element.js";
import { heardAndNot } from "./transcript.js";

/** Shows lines of the transcript: each side in a log of its own, both in one order. */
export class CaptionsView {
  #shown = new Map(); // elements by the line's id

  constructor({ scroller, logs, empty }) {
    Object.assign(this, { scroller, logs, empty });
  }

  /** `lines` is the whole transcript, `changed` those of it to draw anew. `tool(line)` makes what stands for a call. */
  show(lines, changed, tool) {
    const atEnd = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < 40;
    for (const line of changed) this.#draw(line, tool);
    lines.forEach((line, order) => {
      const shown = this.#shown.get(line.id);
      if (shown) shown.style.order = order;
    });
    this.empty.hidden = this.#shown.size > 0;
    if (atEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  clear() {
    for (const shown of this.#shown.values()) shown.remove();
    this.#shown.clear();
    this.empty.hidden = false;
  }

  #draw(line, tool) {
    let shown = this.#shown.get(line.id);
    if (!shown) {
      shown = element("div", { className: `caption caption-${line.role}` });
      this.#shown.set(line.id, shown);
      this.logs[line.role].append(shown);
    }
    if (line.role === "tool") {
      tool(line, shown);
      return;
    }
    shown.dataset.state = line.cut ? "cut" : line.state;
    shown.replaceChildren(...words(line));
  }
}

function words(line) {
  if (!line.text)
    return [element("p", { className: "caption-text caption-waiting" }, line.state === "done" ? "(no words)" : "…")];
  const [heard, unheard] = heardAndNot(line);
  const text = element("p", { className: "caption-text" }, heard);
  if (unheard.trim()) text.append(element("s", { title: "Not heard: you were faster" }, unheard));
  return line.cut ? [text, element("p", { className: "caption-note" }, "Interrupted")] : [text];
}
