// The mixture that the model predicted at a step: its density, and its components.

const DENSITY = { height: 170, below: 22, points: 240, wide: 0.8 };
const COMPONENTS = ["--accent", "--mark", "--good", "--edge", "--muted"];

/** How values become those of the network and back, by the name of the transform. */
const TRANSFORMS = {
  none: { forward: (x) => x, back: (y) => y, slope: () => 1, least: -Infinity },
  sqrt: { forward: (x) => Math.sqrt(x + 0.375), back: (y) => Math.max(Math.max(y, 0) ** 2 - 0.375, 0), slope: (x) => 0.5 / Math.sqrt(x + 0.375), least: 0 },
  log: { forward: Math.log, back: Math.exp, slope: (x) => 1 / x, least: 0 },
};

/** Functions of a column's values: `scaled` and back `restored`; `slope`, the derivative of scaled. */
export function scalingOf(transform, { mean, deviation }) {
  const { forward, back, slope, least } = TRANSFORMS[transform];
  return {
    least,
    scaled: (x) => (forward(x) - mean) / deviation,
    restored: (z) => back(z * deviation + mean),
    slope: (x) => slope(x) / deviation,
  };
}

/** The density of a mixture, a list of {weight, mean, deviation}, at a value in its own unit: one for each component. */
export function densities(mixture, scaling, x) {
  const z = scaling.scaled(x);
  return mixture.map(({ weight, mean, deviation }) => {
    const away = (z - mean) / deviation;
    return ((weight * Math.exp(-0.5 * away * away)) / (deviation * Math.sqrt(2 * Math.PI))) * scaling.slope(x) || 0; // of the logarithm at 0
  });
}

/**
 * The picture and the table of a mixture.
 *
 * Gives `show(found)`: found has {mixture: list of {component, weight, mean, deviation} by weight, others: the weight of
 * the components that are not told, scaling, value, low, high: the quantiles 0.05 and 0.95, write, exact, name}.
 */
export function mixtureView(host) {
  let found = null;
  const figure = host.appendChild(make("figure", { class: "chart density" }));
  const { caption, canvas, redraw } = canvasChart(figure, { ...DENSITY, draw });
  const table = host.appendChild(make("div", { class: "words" })).appendChild(make("table", { class: "components" }));

  function draw(pen, inner) {
    if (!found) return;
    const { mixture, scaling, value, low, high } = found;
    const room = (high - low) * DENSITY.wide || 1;
    const [least, greatest] = [Math.max(Math.min(low - room, value), scaling.least), Math.max(high + room, value)];
    const xs = Array.from({ length: DENSITY.points + 1 }, (_, i) => least + ((greatest - least) * i) / DENSITY.points);
    const parts = xs.map((x) => densities(mixture, scaling, x));
    const sums = parts.map((each) => each.reduce((sum, part) => sum + part, 0));
    const most = Math.max(...sums) || 1;
    const at = (x) => inner.x + (inner.width * (x - least)) / (greatest - least);
    const y = (density) => inner.y + inner.height * (1 - (0.95 * density) / most);
    drawBox(pen, inner);
    curve(pen, xs.map(at), sums.map(y));
    pen.lineTo(at(greatest), inner.y + inner.height);
    pen.lineTo(at(least), inner.y + inner.height);
    pen.fillStyle = cellColour(0.15);
    pen.fill();
    mixture.forEach((_, k) => {
      curve(pen, xs.map(at), parts.map((each) => y(each[k])));
      pen.strokeStyle = styleColour(COMPONENTS[k]);
      pen.lineWidth = 1.4;
      pen.stroke();
    });
    pen.fillStyle = styleColour("--text");
    pen.fillRect(at(value) - 1, inner.y, 2, inner.height);
    const ticks = evenTicks(least, greatest, inner.width / 60);
    drawTicks(pen, inner, ticks.map(({ value: x, text }) => ({ place: ((x - least) / (greatest - least)) * DENSITY.points - 0.5, text })), DENSITY.points);
  }

  return {
    show(shown) {
      found = shown;
      const { mixture, value, exact, name, others } = found;
      const came = keyEntry("line", styleColour("--text"), `what came, ${exact(value)}`);
      caption.replaceChildren(keyEntry("area", cellColour(0.15), `density of ${name}`), came);
      canvas.setAttribute("aria-label", `Density of the predicted mixture; the table below has its ${mixture.length} components.`);
      fillComponents(table, found);
      if (others >= 0.0005) table.append(make("tr", {}, make("td", { colspan: 5 }, `All other components together: ${percent(others)}.`)));
      redraw();
    },
  };
}

function curve(pen, xs, ys) {
  pen.beginPath();
  xs.forEach((x, i) => pen.lineTo(x, ys[i]));
}

function fillComponents(table, { mixture, scaling, write }) {
  const head = ["Component", "Weight", "Median", "68% between", "Mean ± deviation, scaled"].map((title) => make("th", { scope: "col" }, title));
  const rows = mixture.map(({ component, weight, mean, deviation }, k) => {
    const [low, middle, high] = [-1, 0, 1].map((side) => write(scaling.restored(mean + side * deviation)));
    const cells = [percent(weight), middle, `${low} to ${high}`, `${fixed(mean)} ± ${fixed(deviation, 3)}`];
    return make("tr", {}, make("th", { scope: "row" }, keyEntry("line", styleColour(COMPONENTS[k]), String(component + 1))), ...cells.map((text) => make("td", {}, text)));
  });
  table.replaceChildren(make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
}
