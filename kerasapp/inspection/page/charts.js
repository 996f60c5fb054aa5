// Lines over the places of a text, drawn into a canvas.

const CHART = { height: 96, left: 46, right: 12, top: 6, below: 6, letters: 12 };

/** A colour of the style sheet. */
export function styleColour(name) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return value.includes(",") ? `rgb(${value})` : value;
}

/**
 * A chart that is drawn again as its room, its values or the colours change.
 *
 * host: a figure. pick(place): called as a place is clicked. Gives an object with `show(series, range)`, where
 * a series is {name, values, colour: a name of the style sheet}, and `mark(place)`.
 */
export function lineChart(host, label, pick) {
  const caption = host.appendChild(document.createElement("figcaption"));
  const canvas = host.appendChild(document.createElement("canvas"));
  canvas.setAttribute("role", "img");
  const chart = { series: [], range: [0, 1], place: 0 };

  function redraw() {
    if (!chart.series.length) return;
    const width = host.clientWidth;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(CHART.height * scale);
    canvas.style.height = `${CHART.height}px`;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const inner = { x: CHART.left, y: CHART.top, width: width - CHART.left - CHART.right };
    inner.height = CHART.height - CHART.top - CHART.below;
    drawFrame(pen, inner, chart.range);
    chart.series.forEach((series) => drawLine(pen, inner, chart.range, series));
    drawPlace(pen, inner, chart.place, chart.series[0].values.length);
  }

  canvas.addEventListener("click", (event) => {
    const share = (event.offsetX - CHART.left) / (canvas.clientWidth - CHART.left - CHART.right);
    const count = chart.series[0].values.length;
    pick(Math.min(Math.max(Math.floor(share * count), 0), count - 1));
  });
  new ResizeObserver(redraw).observe(host);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  return {
    show(series, range) {
      chart.series = series;
      chart.range = range || rangeOf(series);
      caption.replaceChildren(...series.flatMap(key));
      canvas.setAttribute("aria-label", `${label}, from ${fixed(chart.range[0])} to ${fixed(chart.range[1])}.`);
      redraw();
    },
    mark(place) {
      chart.place = place;
      redraw();
    },
  };
}

function key({ name, colour }) {
  const line = document.createElement("span");
  line.className = "line";
  line.style.background = styleColour(colour);
  return [line, name];
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
  pen.strokeStyle = styleColour("--line");
  pen.fillStyle = styleColour("--muted");
  pen.strokeRect(inner.x - 0.5, inner.y - 0.5, inner.width + 1, inner.height + 1);
  pen.font = `${CHART.letters}px system-ui, sans-serif`;
  pen.textAlign = "right";
  for (const [value, y] of [[range[1], inner.y + 9], [range[0], inner.y + inner.height - 2]]) {
    pen.fillText(fixed(value, Math.abs(value) < 9.995 ? 2 : 1), inner.x - 5, y, CHART.left - 8);
  }
}

/** Where several places share a column, their least and greatest value are both there. */
function drawLine(pen, inner, [low, high], { values, colour }) {
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

function drawPlace(pen, inner, place, count) {
  pen.fillStyle = styleColour("--mark");
  pen.fillRect(inner.x + (inner.width * (place + 0.5)) / count - 0.75, inner.y, 1.5, inner.height);
}
