// A forecast: the past, the median and the bands of each column, as a chart and as a table.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [720, 260, 62, 10, 12, 30];
const PAST = 4; // times the horizon that is shown of the past, and at least LEAST steps
const LEAST = 60;

/**
 * The pictures of a forecast, one per column, and its table.
 *
 * table: {columns, rows}, the past. found: {mean [steps][columns], quantiles [steps][columns][levels], steps}.
 */
export function chart(table, found) {
  const ahead = found.steps ?? found.mean.length;
  const past = table.rows.slice(-Math.max(LEAST, PAST * ahead));
  const quantiles = found.quantiles.slice(0, ahead);
  const parts = table.columns.map((name, column) => {
    const figure = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = `${name}: the past, the median of the forecast, and its bands of 50% and 90%.`;
    const values = quantiles.map((step) => step[column]);
    figure.append(caption, picture(name, past.map((row) => row[column]), values, table.rows.length));
    return figure;
  });
  return [...parts, tableOf(table.columns, found, ahead)];
}

function picture(name, past, quantiles, steps) {
  const last = past.length - 1;
  const all = [...past, ...quantiles.flat()];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const ticks = rounded(low, high);
  const [least, most] = [Math.min(low, ticks[0]), Math.max(high, ticks.at(-1))];
  const x = (i) => LEFT + ((WIDTH - LEFT - RIGHT) * i) / Math.max(last + quantiles.length, 1);
  const y = (value) => TOP + ((HEIGHT - TOP - BOTTOM) * (most - value)) / (most - least || 1);
  const made = element("svg", {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img",
    "aria-label": `Forecast of ${name}; the same in numbers is below.`,
  });
  for (const tick of ticks) {
    made.append(
      element("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick) }),
      element("text", { x: LEFT - 8, y: y(tick) + 4, "text-anchor": "end" }, short(tick)),
    );
  }
  for (const i of [0, last, last + quantiles.length]) {
    const anchor = i === 0 ? "start" : i === last ? "middle" : "end";
    made.append(element("text", { x: x(i), y: HEIGHT - 8, "text-anchor": anchor }, `step ${steps - last + i}`));
  }
  const band = (low, high, kind) => {
    const from = [[last, past[last], past[last]]];
    const edges = [...from, ...quantiles.map((levels, i) => [last + 1 + i, levels.at(low), levels.at(high)])];
    const points = [...edges.map(([i, a]) => [i, a]), ...edges.reverse().map(([i, , b]) => [i, b])];
    made.append(element("polygon", { class: kind, points: points.map(([i, v]) => `${x(i)},${y(v)}`).join(" ") }));
  };
  band(0, -1, "outer");
  band(2, -3, "inner");
  const line = (points, kind) =>
    made.append(element("polyline", { class: kind, points: points.map(([i, v]) => `${x(i)},${y(v)}`).join(" ") }));
  line(past.map((value, i) => [i, value]), "past");
  const middle = (levels) => levels[(levels.length - 1) / 2];
  line([[last, past[last]], ...quantiles.map((levels, i) => [last + 1 + i, middle(levels)])], "median");
  return made;
}

/** About five round numbers that span a range. */
function rounded(low, high) {
  const step = 10 ** Math.floor(Math.log10((high - low) / 4 || 1));
  const wide = [1, 2, 5, 10].map((factor) => factor * step).find((size) => (high - low) / size <= 5) ?? 10 * step;
  const first = Math.floor(low / wide);
  return Array.from({ length: Math.ceil(high / wide) - first + 1 }, (_, i) => (first + i) * wide);
}

function short(value) {
  return Number(value.toPrecision(5)).toLocaleString("en");
}

function tableOf(columns, found, ahead) {
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  summary.textContent = "In numbers";
  const scroll = document.createElement("div");
  scroll.className = "scroll";
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const text of ["Step", ...columns.flatMap((name) => [`${name}: mean`, "lowest 5%", "median", "highest 5%"])]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = text;
    head.append(cell);
  }
  const body = table.createTBody();
  for (let i = 0; i < ahead; i++) {
    const row = body.insertRow();
    row.insertCell().textContent = `+${i + 1}`;
    columns.forEach((_, column) => {
      const levels = found.quantiles[i][column];
      const shown = [found.mean[i][column], levels[0], levels[(levels.length - 1) / 2], levels.at(-1)];
      for (const value of shown) row.insertCell().textContent = short(value);
    });
  }
  scroll.append(table);
  details.append(summary, scroll);
  return details;
}

function element(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}
