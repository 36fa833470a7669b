// Menus are <details class="dropmenu">: one at a time, and Escape or a click elsewhere closes it.
const opened = () => document.querySelectorAll("details.dropmenu[open]");

document.addEventListener("click", ({ target }) => {
  for (const menu of opened()) if (!menu.contains(target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of opened()) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.preventDefault();
  }
});
