// A form with `data-tidy` leaves fields that are empty out of the address it leads to.
document.addEventListener("submit", ({ target }) => {
  if (!target.matches("form[data-tidy]")) return;
  const empty = [...target.elements].filter((field) => field.name && !field.value);
  for (const field of empty) field.disabled = true;
  setTimeout(() => empty.forEach((field) => (field.disabled = false)));  // for who comes back to this page
});
