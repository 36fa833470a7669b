// `data-copy="text"`, or `data-copy` alone within `data-copy-scope`, which copies the scope's code.
import { toast } from "./toasts.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = button.dataset.copy || button.closest("[data-copy-scope]").querySelector("code").textContent;
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    toast("The browser did not allow copying: select the text and copy it by hand.", { kind: "error" });
  }
});
