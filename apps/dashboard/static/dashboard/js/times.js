// <time data-relative>: words that stay true while the page is open, and the exact local time on hover.
const STEPS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

function relative(moment) {
  const seconds = (moment - Date.now()) / 1000;
  const step = STEPS.find(([, length]) => Math.abs(seconds) >= length);
  return step ? words.format(Math.trunc(seconds / step[1]), step[0]) : "just now";
}

function refresh() {
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const moment = new Date(element.dateTime);
    element.textContent = relative(moment);
    element.title = exact.format(moment);
  }
}

refresh();
setInterval(refresh, 30_000);
document.addEventListener("htmx:afterSettle", refresh);
