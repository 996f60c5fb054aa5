// Lines over the places of a text, drawn into a canvas.

const CHART = { height: 96, left: 46, right: 12, top: 6, below: 6, letters: 12 };

/** A colour of the style sheet. */
export function styleColour(name) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return value.includes(",") ? `rgb(${value})` : value;
}

/** The colour of cells, more or less strong. */
export function cellColour(strength) {
  return `rgba(${getComputedStyle(document.documentElement).getPropertyValue("--cell")}, ${strength})`;
}

/**
 * A canvas in a figure, drawn again as its room or the colours change.
 *
 * draw(pen, inner): draws into the rectangle {x, y, width, height}. count(): places from left to right.
 * pick(place): called as one is clicked. point(place): as the mouse is over one, null as it leaves.
 */
export function canvasChart(host, { height = CHART.height, below = CHART.below, draw, count, pick, point }) {
  const caption = host.appendChild(document.createElement("figcaption"));
  const canvas = host.appendChild(document.createElement("canvas"));
  canvas.setAttribute("role", "img");

  function redraw() {
    const width = host.clientWidth;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = `${height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const inner = { x: CHART.left, y: CHART.top, width: width - CHART.left - CHART.right, height: height - CHART.top - below };
    if (inner.width > 0) draw(pen, inner);
  }

  function placeOf({ offsetX }) {
    const share = (offsetX - CHART.left) / (canvas.clientWidth - CHART.left - CHART.right);
    return Math.min(Math.max(Math.floor(share * count()), 0), count() - 1);
  }

  if (pick) canvas.addEventListener("click", (event) => pick(placeOf(event)));
  if (point) {
    canvas.addEventListener("pointermove", (event) => event.pointerType === "mouse" && point(placeOf(event)));
    canvas.addEventListener("pointerleave", () => point(null));
  }
  new ResizeObserver(redraw).observe(host);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  return { caption, canvas, redraw, placeOf };
}

/**
 * Lines over places.
 *
 * pick, point: see `canvasChart`. Gives `show(series, range, options)`, where a series is {name, values, colour: a name
 * of the style sheet}, range their least and greatest value, and options {ticks: see axes.js, limits: values to draw
 * level lines at}; `mark(place)`; and `hide(whether)`.
 */
export function lineChart(host, label, pick, { height, below, point } = {}) {
  const chart = { series: [], range: [0, 1], place: 0, options: {} };
  const { caption, canvas, redraw } = canvasChart(host, { height, below, draw, pick, point, count: () => chart.series[0].values.length });

  function draw(pen, inner) {
    if (!chart.series.length) return;
    const count = chart.series[0].values.length;
    drawFrame(pen, inner, chart.range);
    for (const limit of chart.options.limits || []) drawLevel(pen, inner, chart.range, limit);
    chart.series.forEach((series) => drawLine(pen, inner, chart.range, series));
    if (chart.options.ticks) drawTicks(pen, inner, chart.options.ticks, count);
    drawPlace(pen, inner, chart.place, count);
  }

  return {
    show(series, range, options = {}) {
      Object.assign(chart, { series, range: range || rangeOf(series), options });
      caption.replaceChildren(...series.map(({ name, colour }) => keyEntry("line", styleColour(colour), name)));
      canvas.setAttribute("aria-label", `${label}, from ${fixed(chart.range[0])} to ${fixed(chart.range[1])}.`);
      redraw();
    },
    mark(place) {
      chart.place = place;
      redraw();
    },
    hide(hidden) {
      host.hidden = hidden;
    },
  };
}

/** An entry of a chart's key. kind: "line", "area" or "dot". */
export function keyEntry(kind, colour, name) {
  const swatch = make("span", { class: kind });
  swatch.style.background = colour;
  return make("span", { class: "key" }, swatch, name);
}

/** The least and the greatest value of all series. */
export function rangeOf(series) {
  let [least, greatest] = [Infinity, -Infinity];
  for (const { values } of series) {
    for (const value of values) {
      if (value < least) least = value;
      if (value > greatest) greatest = value;
    }
  }
  return greatest > least ? [least, greatest] : [least - 0.5, greatest + 0.5];
}

function drawFrame(pen, inner, range) {
  drawBox(pen, inner);
  for (const [value, y] of [[range[1], inner.y + 9], [range[0], inner.y + inner.height - 2]]) {
    drawNumber(pen, inner, fixed(value, Math.abs(value) < 9.995 ? 2 : 1), y);
  }
}

export function drawBox(pen, inner) {
  pen.strokeStyle = styleColour("--line");
  pen.lineWidth = 1;
  pen.strokeRect(inner.x - 0.5, inner.y - 0.5, inner.width + 1, inner.height + 1);
}

/** A number beside the left edge; y is its base line. */
export function drawNumber(pen, inner, text, y) {
  pen.fillStyle = styleColour("--muted");
  pen.font = `${CHART.letters}px system-ui, sans-serif`;
  pen.textAlign = "right";
  pen.fillText(text, inner.x - 5, y, CHART.left - 8);
}

/** A broken line at a value. */
export function drawLevel(pen, inner, [low, high], value, colour = "--edge") {
  if (value < low || value > high) return;
  const y = Math.round(inner.y + inner.height * (1 - (value - low) / (high - low))) + 0.5;
  pen.strokeStyle = styleColour(colour);
  pen.lineWidth = 1;
  pen.setLineDash([3, 3]);
  pen.beginPath();
  pen.moveTo(inner.x, y);
  pen.lineTo(inner.x + inner.width, y);
  pen.stroke();
  pen.setLineDash([]);
}

/** Names below the lower edge; ticks: list of {place, text}. */
export function drawTicks(pen, inner, ticks, count) {
  const bottom = inner.y + inner.height;
  pen.fillStyle = styleColour("--muted");
  pen.font = `${CHART.letters}px system-ui, sans-serif`;
  for (const { place, text } of ticks) {
    const x = inner.x + (inner.width * (place + 0.5)) / count;
    const half = pen.measureText(text).width / 2;
    pen.fillRect(Math.round(x), bottom, 1, 4);
    pen.textAlign = "center";
    pen.fillText(text, Math.min(Math.max(x, half), inner.x + inner.width + CHART.right - half), bottom + 15);
  }
}

/** Where several places share a column, their least and greatest value are both there. */
export function drawLine(pen, inner, [low, high], { values, colour }) {
  const y = (value) => inner.y + inner.height * (1 - (value - low) / (high - low));
  const columns = Math.max(Math.floor(inner.width), 1);
  pen.strokeStyle = styleColour(colour);
  pen.lineWidth = 1.2;
  pen.beginPath();
  if (values.length <= columns) {
    values.forEach((value, i) => pen.lineTo(inner.x + (inner.width * (i + 0.5)) / values.length, y(value)));
  } else {
    for (let x = 0; x < columns; x++) {
      const part = values.slice(Math.floor((x * values.length) / columns), Math.floor(((x + 1) * values.length) / columns));
      pen.lineTo(inner.x + x + 0.5, y(Math.min(...part)));
      pen.lineTo(inner.x + x + 0.5, y(Math.max(...part)));
    }
  }
  pen.stroke();
}

export function drawPlace(pen, inner, place, count) {
  if (place < 0 || place >= count) return;
  pen.fillStyle = styleColour("--mark");
  pen.fillRect(inner.x + (inner.width * (place + 0.5)) / count - 0.75, inner.y, 1.5, inner.height);
}
