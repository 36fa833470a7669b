// Menus are <details class="dropmenu">: one at a time, and Escape, a click elsewhere or a choice closes it.
const opened = () => document.querySelectorAll("details.dropmenu[open]");

document.addEventListener("click", ({ target }) => {
  for (const menu of opened()) if (!menu.contains(target)) menu.open = false;
});

// Before what was chosen opens a dialog, so that its end gives the focus back to the menu's button.
document.addEventListener(
  "click",
  ({ target }) => {
    const menu = target.closest(".menu-item")?.closest("details.dropmenu[open]");
    if (!menu) return;
    menu.querySelector("summary").focus();
    menu.open = false;
  },
  true,
);

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of opened()) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.preventDefault();
  }
});

// A table scrolls sideways and would cut its menus off: they hang in the window instead, below or above their button.
document.addEventListener(
  "toggle",
  ({ target }) => {
    if (!target.matches(".table-scroll details.dropmenu[open]")) return;
    const panel = target.querySelector(".menu-panel");
    const button = target.getBoundingClientRect();
    const fits = button.bottom + panel.offsetHeight + 8 < innerHeight;
    panel.style.top = `${fits ? button.bottom : button.top - panel.offsetHeight - 8}px`;
    panel.style.left = `${Math.max(8, button.right - panel.offsetWidth)}px`;
  },
  true,
);

document.addEventListener(
  "scroll",
  () => {
    for (const menu of document.querySelectorAll(".table-scroll details.dropmenu[open]")) menu.open = false;
  },
  { capture: true, passive: true },
);
