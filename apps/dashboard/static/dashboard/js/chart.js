// Draws what a <script type="application/json"> holds: moments, in seconds, a week, a day or an hour (`step`) apart, and
// series of as many numbers, each with a label and the name of a colour. Stacked ones stand upon each other; `lines` have
// a gap where there is no number.
import uPlot from "../vendor/uPlot.esm.js";

const HEIGHT = 220;
const HOUR = 3600;
const DAY = 24 * HOUR;
const dark = matchMedia("(prefers-color-scheme: dark)");
const STEPS = {
  week: { seconds: 7 * DAY, label: "Week of", moment: "{YYYY}-{MM}-{DD}", incrs: [7, 14, 28, 56, 112].map((days) => days * DAY), values: "{D} {MMM}" },
  day: { seconds: DAY, label: "Day", moment: "{YYYY}-{MM}-{DD}", incrs: [1, 2, 7, 14, 30, 60].map((days) => days * DAY), values: "{D} {MMM}" },
  hour: { seconds: HOUR, label: "Hour, UTC", moment: "{YYYY}-{MM}-{DD} {HH}:{mm}", incrs: [1, 3, 6, 12, 24].map((hours) => hours * HOUR), values: "{HH}:{mm}" },
};
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000, 1000000];

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function dollars(amount) {
  const digits = amount === 0 || Math.abs(amount) >= 1 ? 2 : Math.abs(amount) >= 0.001 ? 4 : 6;
  return `$${amount.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits })}`;
}

function milliseconds(ms) {
  return ms >= 1000 ? `${(ms / 1000).toLocaleString("en", { maximumFractionDigits: 2 })} s` : `${Math.round(ms)} ms`;
}

const SHOWN = { "": (number) => number.toLocaleString("en"), dollars, ms: milliseconds };

// What a series reaches up to, with all that come after it below.
function heights(series, stacked) {
  return series.map(({ values }, number) =>
    stacked ? values.map((_, at) => series.slice(number).reduce((sum, each) => sum + each.values[at], 0)) : values,
  );
}

function draw(place) {
  const { step, moments, series, stacked = false, lines = false, unit = "" } = JSON.parse(document.getElementById(place.dataset.chart).textContent);
  const { seconds, label, moment, incrs, values } = STEPS[step];
  const isMoney = unit === "dollars";
  const shown = SHOWN[unit];
  const quiet = colour("--color-base-content");
  const axis = { stroke: quiet, grid: { stroke: colour("--color-base-300"), width: 1 }, ticks: { show: false } };
  const bars = uPlot.paths.bars({ size: [0.7, 40] });
  const drawn = series.map(({ label, colour: name }, number) => ({
    label,
    stroke: colour(name),
    ...(lines ? { width: 2, points: { size: 5, fill: colour(name) } } : { fill: colour(name), width: 0, paths: bars, points: { show: false } }),
    value: (_, height, __, at) => (series[number].values[at] == null ? "–" : shown(series[number].values[at])),
  }));
  const y = unit
    ? { size: 64, values: (_, ticks) => ticks.map((tick) => shown(tick)) }
    : { size: 52, incrs: WHOLE, values: (_, ticks) => ticks.map((tick) => tick.toLocaleString("en")) };
  place.replaceChildren();
  return new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      scales: {
        x: { range: (_, first, last) => [first - seconds / 2, last + seconds / 2] },
        y: { range: (_, low, high) => [0, isMoney ? high * 1.05 || 1 : Math.max(high, 4)] },
      },
      axes: [{ ...axis, space: 64, incrs, values }, { ...axis, ...y }],
      series: [{ label, value: moment }, ...drawn],
      cursor: { y: false, drag: { x: false } },
    },
    [moments, ...heights(series, stacked)],
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
