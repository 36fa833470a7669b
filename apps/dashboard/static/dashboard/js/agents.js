// The editor of an agent: what is typed is saved by htmx; this shows how it stands. And the list's undo.
import { toast } from "./toasts.js";

const form = document.getElementById("draft");
let unsaved = false;

function show() {
  document.querySelector("[data-saved]")?.toggleAttribute("hidden", unsaved);
  document.querySelector("[data-unsaved]")?.toggleAttribute("hidden", !unsaved);
}

function changed() {
  unsaved = true;
  show();
}

/** Saves now, and says whether that worked. */
function save() {
  return new Promise((resolve) => {
    form.addEventListener("htmx:afterRequest", ({ detail }) => resolve(detail.successful && !unsaved), { once: true });
    htmx.trigger(form, "save");
  });
}

function showTurnTaking() {
  const chosen = form.querySelector("[name=turn_taking]:checked")?.value;
  form.querySelectorAll("[data-shown-for]").forEach((part) => {
    part.hidden = !part.dataset.shownFor.split(" ").includes(chosen);
  });
}

function addRow() {
  const total = form.querySelector("[name=variables-TOTAL_FORMS]");
  const row = form.querySelector("[data-row]").innerHTML.replaceAll("__prefix__", total.value);
  total.value = Number(total.value) + 1;
  const rows = form.querySelector("[data-rows]");
  rows.insertAdjacentHTML("beforeend", row);
  rows.lastElementChild.querySelector("input").focus();
}

function removeRow(row) {
  row.querySelector("[name$=-DELETE]").checked = true;
  row.hidden = true;
  row.dispatchEvent(new Event("change", { bubbles: true }));
}

async function follow(link) {
  if (await save()) location.assign(link.href);
}

if (form) {
  showTurnTaking();
  let sent = 0;
  let typed = 0;
  form.addEventListener("input", () => {
    typed += 1;
    changed();
  });
  form.addEventListener("change", () => {
    typed += 1;
    changed();
    showTurnTaking();
  });
  form.addEventListener("htmx:beforeRequest", () => (sent = typed));
  form.addEventListener("htmx:afterRequest", ({ detail }) => {
    unsaved = !detail.successful || sent !== typed || Boolean(document.querySelector("[data-overwrites]"));
    show();
  });
  window.addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
}

document.addEventListener("click", (event) => {
  const { target } = event;
  const link = target.closest("[data-after-saving]");
  if (link && unsaved) {
    event.preventDefault();
    follow(link);
  } else if (target.closest("[data-adds-row]")) {
    addRow();
  } else if (target.closest("[data-removes-row]")) {
    removeRow(target.closest("[data-variable]"));
  } else if (target.closest("[data-overwrites]")) {
    document.getElementById("revision").value = target.closest("[data-overwrites]").dataset.overwrites;
    htmx.trigger(form, "save");
  }
});

// Archiving takes the row away at once; for a few seconds it can be undone.
document.addEventListener("submit", async (event) => {
  const { archives, undo } = event.target.dataset;
  if (!undo) return;
  event.preventDefault();
  const body = new FormData(event.target);
  const row = event.target.closest("tr");
  const response = await fetch(event.target.action, { method: "POST", body, redirect: "manual" });
  if (response.type !== "opaqueredirect" && !response.ok) {
    toast("That did not work. Reload the page and try again.", { kind: "error" });
    return;
  }
  row.hidden = true;
  toast(`${archives} is archived.`, {
    undo: async () => {
      await fetch(undo, { method: "POST", body, redirect: "manual" });
      row.hidden = false;
    },
  });
});
