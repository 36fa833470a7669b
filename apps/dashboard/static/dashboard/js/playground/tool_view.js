import { element } from "./element.js";
import { resultProblem } from "./tool_calls.js";

const STATES = {
  asked: "Waiting for your result",
  running: "The platform runs it",
  approval: "Waiting for your approval",
  answered: "Answered",
  failed: "Failed",
};

/** Draws a call into `into`. `answer(call, output)` and `approve(call, yes)` are told what was decided. */
export function drawCall(call, into, { answer, approve }) {
  if (into.dataset.state === call.state) return; // what is being typed stays
  into.dataset.state = call.state;
  const where = call.server ? ` on ${call.server}` : "";
  into.replaceChildren(
    element(
      "div",
      { className: "tool-head" },
      element("code", {}, `${call.name}${where}`),
      element("span", { className: "text-quiet" }, STATES[call.state]),
    ),
    element("pre", { className: "tool-json", tabIndex: 0 }, indented(call.arguments)),
  );
  if (call.output !== null) into.append(element("pre", { className: "tool-json", tabIndex: 0 }, indented(call.output)));
  if (call.state === "asked") into.append(form(call, answer));
  if (call.state === "approval") into.append(decision(call, approve));
}

function form(call, answer) {
  const box = element("textarea", {
    className: "textarea font-mono",
    rows: 3,
    id: `result-${call.item}`,
    value: "{}",
    spellcheck: false,
  });
  const problem = element("p", { className: "text-error", id: `problem-${call.item}`, role: "alert" });
  box.setAttribute("aria-describedby", problem.id);
  const check = () => {
    problem.textContent = resultProblem(box.value);
    box.setAttribute("aria-invalid", problem.textContent !== "");
    return !problem.textContent;
  };
  box.addEventListener("input", check);
  const send = element(
    "button",
    { type: "submit", className: "btn btn-primary btn-sm", data: { testid: "tool-send" } },
    "Send result",
  );
  const fail = element(
    "button",
    { type: "button", className: "btn-quiet btn-sm", data: { testid: "tool-error" } },
    "Return error",
  );
  fail.addEventListener("click", () => answer(call, JSON.stringify({ error: "The tool failed." })));
  const made = element(
    "form",
    { className: "tool-form" },
    element("label", { className: "label-text", htmlFor: box.id }, "Result, as JSON"),
    box,
    problem,
    element("div", { className: "flex gap-2" }, send, fail),
  );
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    if (check()) answer(call, box.value);
  });
  return made;
}

function decision(call, approve) {
  const button = (text, yes, look) => {
    const made = element("button", { type: "button", className: look }, text);
    made.addEventListener("click", () => approve(call, yes));
    return made;
  };
  return element(
    "div",
    { className: "flex gap-2" },
    button("Approve", true, "btn btn-primary btn-sm"),
    button("Refuse", false, "btn-quiet btn-sm"),
  );
}

function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
