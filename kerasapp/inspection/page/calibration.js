// Whether the predictions are as sure as they should be: where the values lie in their predicted distributions.

const BINS = 20;
const FEW = 200; // values below which there are half as many bins
const SURE = 1.96; // deviations: chance stays within 19 times in 20
const LISTED = 10; // surprises in the table
const PICTURE = { least: 200, widest: 680, height: 230, left: 40, below: 38, above: 8, right: 8 };

/**
 * Shows the calibration of some steps of a column.
 *
 * below: predicted probabilities of a lower value, 0 to 65535. residuals: their normal quantiles. bands: list of {level,
 * inside: how many values are in the band}, the widest first. nats: surprise of each step.
 */
export function showCalibration({ below, residuals, bands, nats }) {
  const count = below.length;
  const bins = count < FEW ? BINS / 2 : BINS;
  const counts = new Array(bins).fill(0);
  for (const level of below) counts[Math.min(Math.floor((level / 65536) * bins), bins - 1)]++;
  drawHistogram(counts, count);
  document.getElementById("verdict").textContent = verdict(below, bands);
  fillCoverage(bands, count);
  const mean = average(residuals);
  const spread = Math.sqrt(average(residuals.map((value) => (value - mean) ** 2)));
  const facts = [
    ["Values", grouped(count, 0)],
    ["Mean", `${fixed(mean)} (0 is right)`],
    ["Standard deviation", `${fixed(spread)} (1 is right)`],
    ["Autocorrelation, 1 step", count > 2 ? `${fixed(lagged(residuals, mean))} (0 is right)` : "—"],
    ["Surprise, nats per step", fixed(average(nats))],
  ];
  document.getElementById("residual-facts").replaceChildren(factsList(facts));
}

export function average(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function lagged(values, mean) {
  let [product, square] = [0, 0];
  values.forEach((value, i) => {
    square += (value - mean) ** 2;
    if (i) product += (value - mean) * (values[i - 1] - mean);
  });
  return square ? product / square : 0;
}

/** What the transforms say, in words; as little is said as is sure. */
function verdict(below, bands) {
  const count = below.length;
  if (count < 20) return "Too few values to tell.";
  const middle = average(below) / 65536;
  const bias = Math.abs(middle - 0.5) > SURE / Math.sqrt(12 * count);
  const { level, inside } = bands[0];
  const away = inside / count - level;
  const width = Math.abs(away) > SURE * Math.sqrt((level * (1 - level)) / count);
  const said = [];
  if (width) said.push(`the bands are too ${away < 0 ? "narrow" : "wide"}: ${percent(inside / count)} of the values are inside the ${percent(level)} band`);
  if (bias) said.push(`the values are ${middle > 0.5 ? "higher" : "lower"} than predicted: the probability of a lower value was ${percent(middle)} on average, and 50% is right`);
  if (!said.length) return "No fault is seen: the bands have the right width and the right middle, as far as these values can tell.";
  return said.map((text) => `${text[0].toUpperCase()}${text.slice(1)}.`).join(" ");
}

function fillCoverage(bands, count) {
  const head = ["Band", "Values inside", "Right within"].map((title) => make("th", { scope: "col" }, title));
  const rows = bands.map(({ level, inside }) => {
    const room = SURE * Math.sqrt((level * (1 - level)) / count);
    const chance = `${percent(Math.max(level - room, 0))} to ${percent(Math.min(level + room, 1))}`;
    return make("tr", {}, make("th", { scope: "row" }, percent(level)), make("td", {}, inside ? percent(inside / count) : "0%"), make("td", {}, chance));
  });
  document.getElementById("coverage").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}

let observed = null; // redraws the histogram as its room changes

function drawHistogram(counts, count) {
  const host = document.getElementById("histogram");
  const draw = () => host.replaceChildren(histogram(counts, count, Math.min(Math.max(host.clientWidth, PICTURE.least), PICTURE.widest)));
  draw(); // at once: what was chosen before is not shown beside the new figures
  observed?.disconnect();
  observed = new ResizeObserver(draw);
  observed.observe(host);
}

function histogram(counts, count, width) {
  const { height, left, below, above, right } = PICTURE;
  const bins = counts.length;
  const expected = count / bins;
  const room = SURE * Math.sqrt(expected * (1 - 1 / bins));
  const most = Math.max(...counts, expected + room) * 1.1;
  const inner = { x: left, y: above, width: width - left - right, height: height - above - below };
  const y = (value) => inner.y + inner.height * (1 - value / most);
  const bar = inner.width / bins;
  const text = (x, at, anchor, words) => vector("text", { x, y: at, "text-anchor": anchor }, words);
  const label = `Histogram of where the values lie in their predicted distributions. ${bins} bars from 0 to 1 have ${counts.join(", ")} values; ${grouped(expected, 1)} each are right.`;
  const picture = vector("svg", { width, height, role: "img", "aria-label": label });
  picture.append(vector("rect", { class: "chance", x: inner.x, y: y(expected + room), width: inner.width, height: y(Math.max(expected - room, 0)) - y(expected + room) }));
  counts.forEach((value, i) => {
    const title = vector("title", {}, `${grouped(i / bins, 2)} to ${grouped((i + 1) / bins, 2)}: ${value} values`);
    picture.append(vector("rect", { class: "bar", x: inner.x + i * bar + 1, y: y(value), width: bar - 2, height: inner.y + inner.height - y(value) }, title));
  });
  for (const level of [expected - room, expected, expected + room]) {
    if (level > 0) picture.append(vector("line", { x1: inner.x, x2: inner.x + inner.width, y1: y(level), y2: y(level), "stroke-opacity": level === expected ? 1 : 0.45 }));
  }
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    picture.append(text(inner.x + inner.width * share, height - below + 16, share === 1 ? "end" : share ? "middle" : "start", String(share)));
  }
  for (const { value, text: words } of evenTicks(0, most, 5)) picture.append(text(left - 6, y(value) + 4, "end", words));
  picture.append(text(inner.x + inner.width / 2, height - 4, "middle", "predicted probability of a lower value"));
  return picture;
}

/** Lists the steps with the largest residuals; row(step): {name, value, band}; go(step): called as one is chosen. */
export function listSurprises(residuals, nats, row, go) {
  const order = Array.from(residuals, (_, step) => step).sort((one, other) => Math.abs(residuals[other]) - Math.abs(residuals[one]));
  const head = ["Step", "Value", "90% band", "Residual", "Surprise, nats"].map((title) => make("th", { scope: "col" }, title));
  const rows = order.slice(0, LISTED).map((step) => {
    const { name, value, band } = row(step);
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", () => go(step));
    return make("tr", {}, make("th", { scope: "row" }, button), ...[value, band, fixed(residuals[step]), fixed(nats[step])].map((text) => make("td", {}, text)));
  });
  document.getElementById("surprises").replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}
