// `data-plays="address"` plays a sound; where there is none, the answer says why.
import { toast } from "./toasts.js";

let playing = null;

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-plays]");
  if (!button) return;
  playing?.pause();
  button.disabled = true;
  try {
    const answer = await fetch(button.dataset.plays);
    if (!answer.ok) throw new Error(await answer.text());
    const context = new AudioContext();
    const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(await answer.arrayBuffer()) });
    source.connect(context.destination);
    source.onended = () => context.close();
    source.start();
    playing = { pause: () => source.stop() };
  } catch (error) {
    toast(error.message, { kind: "error" });
  } finally {
    button.disabled = false;
  }
});
