import { NAMES, fromUrl, isAgent, toHash, toolsProblem } from "./settings.js";

/** The settings' form and the page's address, which say the same. */
export class SettingsView {
  constructor({ form, problem, onchange }) {
    [this.form, this.problem] = [form, problem];
    this.#fill(fromUrl(location));
    form.addEventListener("input", () => this.#show());
    form.addEventListener("change", ({ target }) => this.#show() && onchange(target.name));
    form.addEventListener("submit", (event) => event.preventDefault());
    addEventListener("hashchange", () => this.#fill(fromUrl(location)));
  }

  get values() {
    return Object.fromEntries(NAMES.map((name) => [name, this.#field(name).value.trim()]));
  }

  set(name, value) {
    const field = this.#field(name);
    field.value = value;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  #field(name) {
    return this.form.elements[name];
  }

  #fill(values) {
    for (const name of NAMES) this.#field(name).value = values[name];
    const details = this.#field("tools").closest("details");
    details.open ||= Boolean(values.tools || values.temperature || values.speed || values.max_tokens);
    this.#show();
  }

  /** Whether they can be used. */
  #show() {
    const { values } = this;
    this.#row("variables").hidden = !isAgent(values);
    this.#row("eagerness").hidden = values.turn !== "semantic_vad" && values.turn !== "";
    this.#row("silence").hidden = values.turn !== "server_vad";
    this.problem.textContent = toolsProblem(values.tools);
    this.#field("tools").setAttribute("aria-invalid", this.problem.textContent !== "");
    history.replaceState(null, "", location.pathname + toHash(values));
    return !this.problem.textContent && this.form.checkValidity();
  }

  #row(name) {
    return this.#field(name).parentElement;
  }
}
