// A series with the bands of its predictions, drawn into a canvas.

const BANDS = { height: 320, below: 38, room: 6, dot: 2.2, ribbon: 11 };

/**
 * A chart of the values, and of the bands that the model predicted for each one.
 *
 * Gives `show(found)`: found has {name, values, bands: rows of quantiles from the least to the greatest, levels: of the
 * bands, shade: function (step) of the ribbon below, or null, ribbon: its name, parts, ticks, from, to, write: function of a number}, and `mark(place)`.
 */
export function bandChart(host, pick, point) {
  let found = null;
  let place = 0;
  const { caption, canvas, redraw } = canvasChart(host, { ...BANDS, draw, pick, point, count: () => found.to - found.from });

  function draw(pen, inner) {
    if (!found) return;
    const { from, to, values, bands, ticks } = found;
    const part = (row) => row.subarray(from, to);
    const range = rangeShown(part(values), bands.map(part));
    const count = to - from;
    drawBox(pen, inner);
    for (const { value, text } of evenTicks(...range, 6)) {
      const y = inner.y + inner.height * (1 - (value - range[0]) / (range[1] - range[0]));
      drawNumber(pen, inner, text, Math.min(Math.max(y + 4, inner.y + 9), inner.y + inner.height));
      drawLevel(pen, inner, range, value, "--line");
    }
    pen.save();
    pen.beginPath();
    pen.rect(inner.x, inner.y, inner.width, inner.height);
    pen.clip();
    const middle = (bands.length - 1) / 2;
    for (let i = 0; i < middle; i++) drawBand(pen, inner, range, part(bands[i]), part(bands[bands.length - 1 - i]), bandColour(i));
    drawLine(pen, inner, range, { values: part(bands[middle]), colour: "--accent" });
    drawLine(pen, inner, range, { values: part(values), colour: "--text" });
    drawDots(pen, inner, range, part(values), part(bands[0]), part(bands[bands.length - 1]));
    pen.restore();
    drawParts(pen, inner, found.parts, from, to, true);
    if (found.shade) drawRibbon(pen, inner, count, (i) => found.shade(from + i));
    drawTicks(pen, { ...inner, height: inner.height + BANDS.ribbon + 5 }, ticks(inner.width), count);
    drawPlace(pen, inner, place, count);
  }

  return {
    mark(step) {
      place = step;
      redraw();
    },
    show(shown) {
      found = shown;
      caption.replaceChildren(...bandKey(found));
      const [least, greatest] = rangeOf([{ values: found.values.subarray(found.from, found.to) }]);
      canvas.setAttribute("aria-label", `${found.name}, from ${found.write(least)} to ${found.write(greatest)}, with the predicted bands.`);
      redraw();
    },
  };
}

/** The range of the values and of the bands, as far as these are not much wider. */
function rangeShown(values, bands) {
  const [least, greatest] = rangeOf([{ values }]);
  const [low, high] = rangeOf(bands.map((row) => ({ values: row })));
  const room = greatest - least || high - low;
  const range = [Math.max(Math.min(low, least), least - room), Math.min(Math.max(high, greatest), greatest + room)];
  const margin = (range[1] - range[0]) * 0.04;
  return [range[0] - margin, range[1] + margin];
}

function bandColour(i) {
  return cellColour(0.13 + 0.09 * i);
}

function bandKey({ name, levels, ribbon }) {
  return [
    keyEntry("line", styleColour("--text"), name),
    keyEntry("line", styleColour("--accent"), "median predicted"),
    ...levels.map((level, i) => keyEntry("area", bandColour(i), `${percent(level)} band`)),
    keyEntry("dot", styleColour("--mark"), `outside the ${percent(levels[0])} band`),
    ribbon ? `ribbon: ${ribbon}` : "",
  ];
}

/** Columns of pixels, and the steps [start, end) of each: one each, or several where they share a column. */
function columnsOf(inner, count) {
  const columns = Math.min(Math.max(Math.floor(inner.width), 1), count);
  return Array.from({ length: columns }, (_, i) => ({
    x: inner.x + (inner.width * (i + 0.5)) / columns,
    start: Math.floor((i * count) / columns),
    end: Math.floor(((i + 1) * count) / columns),
  }));
}

function heightOf(inner, [low, high]) {
  return (value) => inner.y + inner.height * (1 - (value - low) / (high - low));
}

function drawBand(pen, inner, range, lower, upper, colour) {
  const columns = columnsOf(inner, lower.length);
  const y = heightOf(inner, range);
  const half = inner.width / columns.length / 2;
  const edge = (row, most) => columns.map(({ x, start, end }) => [x, y(most(...row.subarray(start, end)))]);
  const above = edge(upper, Math.max);
  const below = edge(lower, Math.min);
  const wide = (points) => [[points[0][0] - half, points[0][1]], ...points, [points.at(-1)[0] + half, points.at(-1)[1]]];
  pen.fillStyle = colour;
  pen.beginPath();
  for (const [x, at] of [...wide(above), ...wide(below).reverse()]) pen.lineTo(x, at);
  pen.fill();
}

/** A row of colours, from -1 to 1, below the chart. */
function drawRibbon(pen, inner, count, shade) {
  const columns = columnsOf(inner, count);
  const width = inner.width / columns.length;
  const top = inner.y + inner.height + 4;
  const colours = { warm: styleColour("--warm"), cool: styleColour("--cool") };
  for (const { x, start, end } of columns) {
    const share = shade(Math.floor((start + end - 1) / 2));
    pen.globalAlpha = Math.min(Math.abs(share), 1);
    pen.fillStyle = share < 0 ? colours.cool : colours.warm;
    pen.fillRect(x - width / 2, top, width + 0.5, BANDS.ribbon);
  }
  pen.globalAlpha = 1;
  drawBox(pen, { ...inner, y: top, height: BANDS.ribbon });
}

/** A dot at each value where there is room; those outside of the bands always have one. */
function drawDots(pen, inner, range, values, lowest, highest) {
  const y = heightOf(inner, range);
  const room = inner.width / values.length >= BANDS.room;
  values.forEach((value, i) => {
    const outside = value < lowest[i] || value > highest[i];
    if (!outside && !room) return;
    pen.fillStyle = styleColour(outside ? "--mark" : "--text");
    pen.beginPath();
    pen.arc(inner.x + (inner.width * (i + 0.5)) / values.length, y(value), outside ? BANDS.dot + 0.4 : BANDS.dot, 0, 2 * Math.PI);
    pen.fill();
  });
}
