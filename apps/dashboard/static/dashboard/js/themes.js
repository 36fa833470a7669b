// The choice is a cookie, which the server reads: the next page comes in the right colours at once.
const YEAR_SECONDS = 365 * 24 * 60 * 60;

document.addEventListener("click", ({ target }) => {
  const theme = target.closest("[data-theme-choice]")?.dataset.themeChoice;
  if (!theme) return;
  document.cookie = `theme=${theme}; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", button.dataset.themeChoice === theme);
  }
});
