// Draws what a <script type="application/json"> holds: days, how many sessions began, and how many of them failed.
import uPlot from "../vendor/uPlot.esm.js";

const HEIGHT = 220;
const DAY = 24 * 3600;
const dark = matchMedia("(prefers-color-scheme: dark)");

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function draw(place) {
  const { days, sessions, failing } = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  const moments = days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000);
  const quiet = colour("--color-base-content");
  const axis = { stroke: quiet, grid: { stroke: colour("--color-base-300"), width: 1 }, ticks: { show: false } };
  const bars = uPlot.paths.bars({ size: [0.7, 40] });
  const series = (label, name) => ({ label, fill: colour(name), stroke: colour(name), width: 0, paths: bars, points: { show: false } });
  place.replaceChildren();
  return new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      scales: { x: { range: (_, first, last) => [first - DAY / 2, last + DAY / 2] }, y: { range: (_, low, high) => [0, Math.max(high, 4)] } },
      axes: [{ ...axis, space: 64, incrs: [1, 2, 7, 14].map((days) => days * DAY), values: "{D} {MMM}" }, { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000] }],
      series: [{ label: "Day", value: "{YYYY}-{MM}-{DD}" }, series("Sessions", "--color-primary"), series("With errors", "--color-error")],
      cursor: { y: false, drag: { x: false } },
    },
    [moments, sessions, failing],
    place,
  );
}

for (const place of document.querySelectorAll("[data-chart]")) {
  let chart = draw(place);
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  const again = () => (chart = draw(place));
  dark.addEventListener("change", again);
  new MutationObserver(again).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
