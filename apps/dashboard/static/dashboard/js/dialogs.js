const FIELD = "input:not([type=hidden]), select, textarea";

function show(dialog) {
  dialog.showModal();
  (dialog.querySelector("[aria-invalid]") ?? dialog.querySelector(FIELD))?.focus();
}

// `data-opens="id"` opens a dialog, `data-closes` its own; a click beside it closes it too.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) show(document.getElementById(opener.dataset.opens));
  else if (event.target.closest("[data-closes]") || event.target.matches("dialog[open]")) {
    event.target.closest("dialog").close();
  }
});

// A form that wants a word typed is sent only with just that word.
document.addEventListener("input", ({ target }) => {
  if (!target.matches("[data-typed]")) return;
  target.setCustomValidity(target.value === target.dataset.typed ? "" : `Type ${target.dataset.typed} to confirm.`);
});

// What was refused is shown again at once.
const refused = document.querySelector("dialog[data-opened]");
if (refused) show(refused);
