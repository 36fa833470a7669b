/** Space held down talks, unless it is for a control; Escape stops, unless something is open that it closes. */
export function bindKeys({ hold, press, release, stop }) {
  const taken = (target) =>
    target !== hold &&
    target.closest("input, textarea, select, button, a, summary, [role=listbox], dialog, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    if (event.key === " " && !taken(event.target)) {
      event.preventDefault(); // it would scroll
      if (!event.repeat) press();
    } else if (
      event.key === "Escape" &&
      !event.defaultPrevented &&
      !document.querySelector("dialog[open], :popover-open")
    )
      stop();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key === " ") release();
  });
  addEventListener("blur", release);
}
