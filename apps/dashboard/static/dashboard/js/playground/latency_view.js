import { element } from "./element.js";
import { STAGES, segments } from "./latency.js";

const SHOWN = 6; // turns
const KINDS = { speech: "Speech", text: "Text", tool: "Tool result" };

/** Draws the newest turns as bars on one scale, newest first. */
export function drawLatency(container, turns) {
  const shown = turns
    .filter((turn) => Object.keys(turn.stages).length)
    .slice(-SHOWN)
    .reverse();
  const longest = Math.max(1, ...shown.map(total));
  container.replaceChildren(
    ...(shown.length
      ? [...shown.map((turn) => row(turn, longest)), legend(shown)]
      : [element("p", { className: "text-quiet" }, "After your first turn you see here where its time went.")]),
  );
}

const total = (turn) => Math.max(0, ...Object.values(turn.stages));
const ms = (value) => `${Math.round(value).toLocaleString("en")} ms`;

function row(turn, longest) {
  const parts = segments(turn);
  const words = parts.map(({ label, to }) => `${label} after ${ms(to)}`).join(", ");
  const bar = element("div", { className: "latency-bar", role: "img", aria: { label: words }, title: words });
  for (const { stage, from, to } of parts) {
    const part = element("span", { className: "latency-part", data: { stage } });
    part.style.width = `${((to - from) / longest) * 100}%`;
    bar.append(part);
  }
  const made = element(
    "div",
    { className: "latency-turn" },
    element(
      "p",
      { className: "flex justify-between gap-3" },
      element("span", {}, KINDS[turn.kind]),
      element("span", { className: "tabular-nums font-medium" }, ms(total(turn))),
    ),
    bar,
  );
  if (turn.notes.length) {
    made.append(
      element(
        "details",
        {},
        element("summary", { className: "text-xs text-quiet" }, "What the platform did"),
        element("ul", { className: "latency-notes" }, ...turn.notes.map((note) => element("li", {}, note))),
      ),
    );
  }
  return made;
}

/** The stages there are, with those of the newest turn in figures. */
function legend([newest, ...others]) {
  const used = Object.keys(STAGES).filter((stage) => [newest, ...others].some((turn) => stage in turn.stages));
  const entry = (stage) => {
    const at = newest.stages[stage];
    return element(
      "li",
      {},
      element("span", { className: "latency-key", data: { stage } }),
      element("span", { className: "grow" }, STAGES[stage]),
      element("span", { className: "tabular-nums text-quiet" }, at === undefined ? "–" : ms(at)),
    );
  };
  return element("ul", { className: "latency-legend", aria: { label: "The newest turn" } }, ...used.map(entry));
}
