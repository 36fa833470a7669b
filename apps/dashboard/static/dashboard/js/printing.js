// `data-prints`: opens the browser's dialog to print this page.
document.addEventListener("click", (event) => {
  if (event.target.closest("[data-prints]")) window.print();
});
