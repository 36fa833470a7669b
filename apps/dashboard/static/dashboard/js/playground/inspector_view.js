import { toast } from "../toasts.js";
import { element } from "./element.js";
import { EventStore, LIMIT, asLines, matches, pretty, sizeText } from "./event_store.js";

const ROW = 28; // pixels; only rows that are in sight are in the document
const SPARE = 8; // rows above and below them
const WORDS = { in: "from the server", out: "to the server" };

/** The event inspector. `parts` are its elements by name. */
export class Inspector {
  store = new EventStore();
  #shown = []; // entries that pass the filter
  #selected = null;
  #paused = false;
  #due = false;
  #drawn = new Map(); // rows by their entry

  constructor(parts) {
    Object.assign(this, parts);
    this.rows = element("div", { className: "event-rows", role: "presentation" });
    this.list.append(this.rows);
    this.list.addEventListener("scroll", () => this.#draw());
    this.list.addEventListener("click", ({ target }) => this.#choose(target.closest("[role=option]")));
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.filters.addEventListener("input", () => this.#refilter());
    this.filters.addEventListener("submit", (event) => event.preventDefault());
    this.pause.addEventListener("click", () => this.#hold());
    this.copyOne.addEventListener("click", () => copy(JSON.stringify(this.#selected.event, null, 2)));
    this.copyAll.addEventListener("click", () => copy(asLines(this.#shown)));
    this.download.addEventListener("click", () => save(asLines(this.#shown)));
    new ResizeObserver(() => this.#draw()).observe(this.list);
    this.#draw();
  }

  add(direction, event, facts) {
    const entry = this.store.add(direction, event, facts);
    if (this.#paused) return;
    if (matches(entry, this.#filter())) this.#shown.push(entry);
    // The store forgets the oldest: so does what is shown.
    if (this.store.length === LIMIT) this.#shown = this.store.filtered(this.#filter());
    this.#soon();
  }

  clear() {
    this.store.clear();
    this.#refilter();
  }

  #filter() {
    const { text, direction, group, audio } = this.filters.elements;
    return { text: text.value.trim(), direction: direction.value, group: group.value, audio: audio.checked };
  }

  #refilter() {
    this.#shown = this.store.filtered(this.#filter());
    this.#soon();
  }

  #hold() {
    this.#paused = !this.#paused;
    this.pause.setAttribute("aria-pressed", this.#paused);
    if (!this.#paused) this.#refilter();
  }

  #soon() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      const { list } = this;
      const follow = list.scrollHeight - list.scrollTop - list.clientHeight < 2 * ROW;
      this.#draw();
      if (follow && !this.list.contains(document.activeElement)) list.scrollTop = list.scrollHeight;
    });
  }

  #draw() {
    const total = this.#shown.length;
    this.rows.style.height = `${total * ROW}px`;
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW) - SPARE);
    const last = Math.min(total, Math.ceil((this.list.scrollTop + this.list.clientHeight) / ROW) + SPARE);
    this.#place(first, this.#shown.slice(first, last));
    this.count.textContent = `${total.toLocaleString("en")} of ${this.store.length.toLocaleString("en")}`;
    this.empty.hidden = total > 0;
    this.empty.textContent = this.store.length
      ? "No event passes the filter."
      : "Events appear here as soon as you connect.";
  }

  /** Rows that stay in sight stay what they are: who is just clicking one still hits it. */
  #place(first, entries) {
    const wanted = new Set(entries);
    for (const [entry, row] of this.#drawn) {
      if (wanted.has(entry)) continue;
      row.remove();
      this.#drawn.delete(entry);
    }
    entries.forEach((entry, n) => {
      const row = this.#drawn.get(entry) ?? this.#made(entry);
      row.style.top = `${(first + n) * ROW}px`;
      row.dataset.index = first + n;
      row.setAttribute("aria-posinset", first + n + 1);
      row.setAttribute("aria-setsize", this.#shown.length);
      row.setAttribute("aria-selected", entry === this.#selected);
    });
  }

  #made(entry) {
    const { number, direction, type, offset, size, group } = entry;
    const row = element(
      "div",
      { className: "event-row", role: "option", id: `event-${number}`, data: { group, direction } },
      element("span", { className: "event-time" }, (offset / 1000).toFixed(3)),
      element(
        "span",
        { className: "event-direction", title: WORDS[direction], role: "img", aria: { label: WORDS[direction] } },
        direction === "out" ? "↑" : "↓",
      ),
      element("span", { className: "event-type" }, type),
      element("span", { className: "event-size" }, sizeText(size)),
    );
    this.rows.append(row);
    this.#drawn.set(entry, row);
    return row;
  }

  #choose(row) {
    if (row) this.#select(Number(row.dataset.index));
  }

  #select(index) {
    this.#selected = this.#shown[index];
    const { list } = this;
    if (index * ROW < list.scrollTop) list.scrollTop = index * ROW;
    else if ((index + 1) * ROW > list.scrollTop + list.clientHeight)
      list.scrollTop = (index + 1) * ROW - list.clientHeight;
    this.#draw();
    list.setAttribute("aria-activedescendant", `event-${this.#selected.number}`);
    this.detail.hidden = false;
    this.json.textContent = pretty(this.#selected.event);
    this.title.textContent = this.#selected.type;
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
    if (!step || !this.#shown.length) return;
    event.preventDefault();
    const at = this.#selected ? this.#shown.indexOf(this.#selected) : this.#shown.length - 1 - Math.sign(step);
    this.#select(Math.max(0, Math.min(this.#shown.length - 1, at + step)));
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    toast("The browser did not allow copying: download the events instead.", { kind: "error" });
  }
}

function save(text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
  element("a", { href: url, download: "events.jsonl" }).click();
  URL.revokeObjectURL(url);
}
