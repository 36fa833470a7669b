// Ctrl-K or Cmd-K: type a part of a page's name, choose with the arrows, go with Enter.
const palette = document.getElementById("palette");

if (palette) {
  const input = palette.querySelector("input");
  const options = [...palette.querySelectorAll("[role=option]")];
  const nothing = palette.querySelector("[role=status]");
  const shown = () => options.filter((option) => !option.hidden);

  const select = (option) => {
    for (const other of options) other.setAttribute("aria-selected", other === option);
    if (option) {
      input.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else input.removeAttribute("aria-activedescendant");
  };

  const filter = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const option of options) {
      const name = option.textContent.toLowerCase();
      option.hidden = !words.every((word) => name.includes(word));
    }
    nothing.hidden = shown().length > 0;
    select(shown()[0]);
  };

  const move = (by) => {
    const list = shown();
    const at = list.findIndex((option) => option.ariaSelected === "true");
    select(list[(at + by + list.length) % list.length]);
  };

  document.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    if (!palette.open) palette.showModal();
  });

  palette.addEventListener("toggle", () => {
    if (!palette.open) return;
    input.value = "";
    input.focus();
    filter();
  });

  input.addEventListener("input", filter);
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Enter") shown().find((option) => option.ariaSelected === "true")?.click();
    else return;
    event.preventDefault();
  });

  palette.addEventListener("click", ({ target }) => {
    const option = target.closest("[role=option]");
    if (option) location.assign(option.dataset.href);
  });
}
