// The report of a series that a model has read.

const SHOWN = 300; // steps in the chart at first
const CLOSE = 1.645; // deviations: half of the residual's 90% band
const FAR = 2.5; // deviations: a surprise

run(async (found) => {
  linkPlaces();
  const $ = (id) => document.getElementById(id);
  const [norms, features, gates] = await unpackUnits(found);
  const units = unitValues(found);
  const nats = await unpack(found.nats);
  const [components, weights] = await Promise.all([found.components, found.weights].map(unpack));
  const columns = await Promise.all(found.columns.map(unpackColumn));
  const count = nats.length;
  const first = found.total - count; // steps that are not shown
  const figure = (host) => $(host).appendChild(make("figure", { class: "chart" }));
  const view = { column: columns[0], colour: null };
  const residual = { name: "residual", values: columns[0].residuals, range: [-3, 3], texts: ["−3 or less", "3 or more"] };
  const others = { residual, nats: { name: "surprise", values: nats }, ...lengthsOf(norms) };

  const line = timeline(count, SHOWN, moved, surprising);
  const pick = (place) => line.go(line.from + place, "click");
  const point = (place) => line.point(place === null ? null : line.from + place);
  const bands = bandChart($("bands"), pick, point);
  const small = overview($("overview"), line);
  const options = { point, height: 116, below: 22 };
  const charts = {
    residuals: lineChart(figure("surprise-charts"), "Residual", pick, options),
    nats: lineChart(figure("surprise-charts"), "Surprise", pick, options),
    unit: lineChart(figure("charts"), "The unit", pick, options),
    norms: lineChart(figure("charts"), "Length of the states", pick, options),
  };
  const facts = $("place").appendChild(make("div", { class: "facts" }));
  const mixture = mixtureView($("place").appendChild(make("div", {})));
  const map = unitMap($("map"), (unit) => colours.choose({ layer: view.colour?.layer ?? 0, unit }, null));
  const spoken = $("series").appendChild(make("p", { class: "spoken", role: "status" }));
  const markGate = showGates(found.model.cell, gates, (layer, unit) => colours.choose({ layer, unit }, null));
  const colours = colouring(found, units, others, { started: () => {}, done: coloured });

  about();
  choices();
  listFeatures(features, units.owner, found.short, colours.choose);
  showColumn(0);
  const strongest = document.querySelector("#features button");
  if (strongest) strongest.click();
  else await colours.paint();

  async function unpackColumn(column) {
    const [values, below, residuals] = await Promise.all([column.values, column.below, column.residuals].map(unpack));
    const [quantiles, means, logs] = await Promise.all([column.bands, column.means, column.log_deviations].map(unpackRows));
    const scaling = scalingOf(found.transform, column);
    const writers = writersFor(...rangeOf([{ values }]));
    const levels = quantiles.map((row) => row.map(scaling.restored));
    return { name: column.name, values, below, residuals, bands: levels, means, deviations: logs.map((row) => row.map(Math.exp)), scaling, ...writers };
  }

  function stepName(step) {
    return found.dates ? dateName(found.dates[step]) : String(first + step + 1);
  }

  function about() {
    const { units: width, layers, components: size } = found.model;
    const cut = found.total > count ? ` (the last of ${grouped(found.total, 0)})` : "";
    const mean = `${fixed(average(nats))} nats per step on average`;
    $("about").textContent =
      `${grouped(count, 0)} step${count > 1 ? "s" : ""}${cut} of ${found.source}, ${stepName(0)} to ${stepName(count - 1)}, read by ${layers} ${cellName(found.model)} ` +
      `layer${layers > 1 ? "s" : ""} of ${width} units that predict${layers > 1 ? "" : "s"} a mixture of ${size} Gaussian${size > 1 ? "s" : ""}; ${mean}. ${units.kept()}`;
    $("left-out").hidden = !found.left_out.length;
    $("left-out").textContent = `There is no room for the columns ${found.left_out.join(", ")}. With fewer steps (--length) there may be.`;
  }

  function choices() {
    $("column").append(...columns.map(({ name }, i) => new Option(name, i)));
    $("column-field").hidden = columns.length < 2;
    $("column").addEventListener("input", ({ target }) => showColumn(Number(target.value)));
    const parts = found.parts.map(({ name, start, end }, i) => new Option(`${name} part, ${grouped(end - start, 0)} steps`, i));
    $("part").append(new Option(`all ${grouped(count, 0)} steps`, -1), ...parts);
    $("part").value = String(found.parts.length - 1); // what the model has not learned from, where there is such
    $("part-field").hidden = !found.parts.length;
    $("part").addEventListener("input", calibrate);
  }

  function showColumn(i) {
    view.column = columns[i];
    residual.values = view.column.residuals;
    small.show(view.column.values, found.parts, `All ${grouped(count, 0)} steps of ${view.column.name}.`);
    calibrate();
    listSurprises(view.column.residuals, nats, surprise, (step) => {
      line.go(step, "click");
      $("view").focus();
    });
    moved("part");
    if (view.colour === "residual") colours.paint();
  }

  function surprise(step) {
    const { values, bands: rows, write, exact } = view.column;
    return { name: stepName(step), value: exact(values[step]), band: `${write(rows[0][step])} to ${write(rows.at(-1)[step])}` };
  }

  function calibrate() {
    const { start, end } = found.parts[$("part").value] || { start: 0, end: count };
    const { below, residuals, values, bands: rows } = view.column;
    const covered = bandLevels().map((level, i) => {
      let inside = 0;
      for (let step = start; step < end; step++) inside += values[step] >= rows[i][step] && values[step] <= rows.at(-1 - i)[step];
      return { level, inside };
    });
    showCalibration({ below: below.subarray(start, end), residuals: residuals.subarray(start, end), nats: nats.subarray(start, end), bands: covered });
  }

  /** The shares of the values that the bands should hold, the widest first. */
  function bandLevels() {
    return found.levels.slice(0, (found.levels.length - 1) / 2).map((level, i) => found.levels[found.levels.length - 1 - i] - level);
  }

  function surprising(step, way) {
    const { residuals } = view.column;
    for (let next = step + way; next >= 0 && next < count; next += way) if (Math.abs(residuals[next]) >= FAR) return next;
    return step;
  }

  /** Other values colour the series. */
  function coloured({ by, name, unit, shade }) {
    view.colour = unit || by;
    Object.assign(view, { shade, name });
    if (unit) {
      markGate(unit.layer, unit.unit);
      showMap(unit);
    }
    moved("part");
  }

  async function showMap({ layer, state, unit }) {
    const rows = [];
    for (let number = 0; number < found.model.units; number++) {
      if (!units.has(layer, state, number)) continue;
      const { values, least, greatest } = await units.of(layer, state, number);
      rows.push({ unit: number, values, most: Math.max(Math.abs(least), Math.abs(greatest)) || 1 });
    }
    map.show({ rows, unit, from: line.from, to: line.to, place: line.shown, label: `The ${STATES[state]} states of layer ${layer}.` });
  }

  /** Another step, or another part of the series, is shown. */
  function moved(how) {
    const { from, to, shown } = line;
    const { column, colour, shade } = view;
    if (how !== "hover") {
      const ticks = (width) => stepTicks(found.dates, first + 1, from, to, width);
      const below = { ticks: ticks($("bands").clientWidth - 60) };
      bands.show({ ...column, levels: bandLevels(), shade, ribbon: view.name, parts: found.parts, ticks, from, to });
      charts.nats.show([{ name: "surprise, nats", values: nats.subarray(from, to), colour: "--accent" }], null, below);
      charts.residuals.show([{ name: "residual", values: column.residuals.subarray(from, to), colour: "--accent" }], rangeOfResiduals(column), { ...below, limits: [-CLOSE, 0, CLOSE] });
      charts.norms.show(lengthLines(norms.map((norm) => ({ ...norm, values: norm.values.subarray(from, to) }))), rangeOf(norms), below);
      charts.unit.hide(!colour?.values);
      if (colour?.values) showUnit(colour, from, to, below);
    }
    small.redraw();
    bands.mark(shown - from);
    for (const chart of Object.values(charts)) chart.mark(shown - from);
    map.show({ from, to, place: shown });
    told(how);
  }

  function rangeOfResiduals({ residuals }) {
    const [least, greatest] = rangeOf([{ values: residuals }]);
    return [Math.min(least, -3), Math.max(greatest, 3)];
  }

  function showUnit({ layer, name, values, least, greatest }, from, to, options) {
    const feature = colours.feature();
    const series = [{ name: `layer ${layer}, ${name}`, values: values.subarray(from, to), colour: "--accent" }];
    if (feature) series.unshift({ name: feature.name, values: stretched(feature.values, least, greatest).subarray(from, to), colour: "--edge" });
    charts.unit.show(series, [least, greatest > least ? greatest : least + 1], options);
  }

  /** Describes a step. */
  function told(how) {
    const { column, colour } = view;
    const step = line.shown;
    const { values, write, exact, bands: rows, residuals, below } = column;
    const band = (i) => `${write(rows[i][step])} to ${write(rows.at(-1 - i)[step])}`;
    const part = found.parts.find(({ start, end }) => step >= start && step < end);
    const middle = (rows.length - 1) / 2;
    const list = [
      [`Step ${grouped(first + step + 1, 0)}`, (found.dates ? stepName(step) : "") + (part ? ` (${part.name})` : "") || "—"],
      ["Value", exact(values[step])],
      ["Median", write(rows[middle][step])],
      ...bandLevels().map((level, i) => [`${percent(level)} band`, band(i)]).reverse(),
      ["Probability below", percent(below[step] / 65535)],
      ["Residual", fixed(residuals[step])],
      ["Surprise, nats", fixed(nats[step]) + (columns.length > 1 ? " (all columns)" : "")],
    ];
    if (colour?.values) list.push([`Unit ${colour.unit} after it`, fixed(colour.values[step])]);
    facts.replaceChildren(factsList(list));
    mixture.show({ ...column, ...mixtureAt(step), value: values[step], low: rows[0][step], high: rows.at(-1)[step] });
    if (how === "key") spoken.textContent = `${stepName(step)}: ${exact(values[step])}, predicted ${band(0)}, residual ${fixed(residuals[step])}`;
  }

  function mixtureAt(step) {
    const kept = components.length / count;
    const found = Array.from({ length: kept }, (_, k) => ({
      component: components[k * count + step],
      weight: weights[k * count + step] / 65535,
      mean: view.column.means[k][step],
      deviation: view.column.deviations[k][step],
    }));
    return { mixture: found, others: 1 - found.reduce((sum, { weight }) => sum + weight, 0) };
  }
});
