// Short messages in a corner. The server sends one with htmx by the header HX-Trigger: {"toast": {"text": "Saved."}}.
const SECONDS = 5;

function expire(item) {
  let timer;
  const start = () => (timer = setTimeout(() => item.remove(), SECONDS * 1000));
  const hold = () => clearTimeout(timer);
  item.addEventListener("pointerenter", hold);
  item.addEventListener("pointerleave", start);
  item.addEventListener("focusin", hold);
  item.addEventListener("focusout", start);
  start();
}

/** Shows `text`; with `undo`, a button that calls it within five seconds. `kind` is "" or "error". */
export function toast(text, { kind = "", undo = null } = {}) {
  const item = document.getElementById("toast").content.firstElementChild.cloneNode(true);
  item.querySelector("p").textContent = text;
  if (kind === "error") item.firstElementChild.classList.replace("text-success", "text-error");
  if (undo) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn-xs";
    button.textContent = "Undo";
    button.addEventListener("click", () => {
      item.remove();
      undo();
    });
    item.querySelector("p").after(button);
  }
  document.getElementById("toasts").append(item);
  expire(item);
}

document.addEventListener("click", ({ target }) => target.closest("[data-dismiss]")?.closest("[data-toast]").remove());
document.addEventListener("toast", ({ detail }) => toast(detail.text, detail));
document.addEventListener("htmx:sendError", () => toast("Antiphon can't be reached. Try again in a moment.", { kind: "error" }));
document.addEventListener("htmx:responseError", ({ detail }) =>
  toast(`That did not work: the server answered ${detail.xhr.status}. Reload the page and try again.`, { kind: "error" }),
);
document.querySelectorAll("[data-toast]").forEach(expire);
