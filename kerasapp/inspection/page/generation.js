// The report of a text that a language model has read.

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

run(async (found) => {
  linkPlaces();
  const [bits, places, shares] = await Promise.all(
    [found.bits, found.alternatives.places, found.alternatives.shares].map(unpack),
  );
  const norms = await Promise.all(found.norms.map(async (norm) => ({ ...norm, values: await unpack(norm.values) })));
  const features = await Promise.all(found.features.map(async (one) => ({ ...one, values: await unpack(one.values) })));
  const gates = await Promise.all(
    found.gates.map(async (gate) => ({ ...gate, left: await unpack(gate.left), right: await unpack(gate.right) })),
  );
  const units = unitValues(found);
  const view = { place: 0, unit: null, feature: null, request: 0 };
  const $ = (id) => document.getElementById(id);
  const field = Object.fromEntries(["by", "layer", "unit", "state", "centre"].map((id) => [id, $(id)]));

  const reader = readerOf(found.tokens, bits, told);
  const goTo = (place) => reader.go(place, "chart");
  const charts = {
    unit: lineChart($("charts").appendChild(make("figure", { class: "chart" })), "The unit along the text", goTo),
    bits: lineChart($("charts").appendChild(make("figure", { class: "chart" })), "Surprise along the text", goTo),
    norms: lineChart($("charts").appendChild(make("figure", { class: "chart" })), "Size of the states along the text", goTo),
  };
  const spoken = $("text").appendChild(make("p", { class: "spoken", role: "status" }));
  const markGate = showGates(found.model.cell, gates, (layer, unit) => choose({ layer, unit, state: field.state.value }, null));

  about();
  fillChoices();
  charts.bits.show([{ name: "surprise, bits", values: bits, colour: "--accent" }]);
  charts.norms.show(
    norms.map(({ state, layer, values }, i) => ({
      name: `length of the ${STATES[state]} state, layer ${layer}`,
      values,
      colour: ["--accent", "--mark", "--good", "--muted"][i % 4],
    })),
  );
  listFeatures(features, units.owner, found.short, choose);
  for (const one of Object.values(field)) one.addEventListener("input", () => ((view.feature = null), paint()));
  $("choice").addEventListener("submit", (event) => event.preventDefault());
  const first = [...document.querySelectorAll("#features button")][0];
  if (first) first.click();
  else await paint();
  reader.go(0, "start");

  function about() {
    const mean = bits.reduce((sum, value) => sum + value, 0) / bits.length;
    const { cell, units: width, layers, vocabulary } = found.model;
    const what = found.characters ? "characters" : "tokens";
    const read = found.tokens.reduce((sum, token) => sum + [...token].length, 0);
    const cut = found.of > read ? `, the first of a text of ${number.format(found.of)} characters` : "";
    const name = { lstm: "LSTM", gru: "GRU", simple_rnn: "SimpleRNN" }[cell];
    $("about").textContent =
      `${number.format(found.tokens.length)} ${what}${cut}, read by ${layers} ${name} layer${layers > 1 ? "s" : ""} of ${width} units that know ` +
      `${number.format(vocabulary)} ${what}; in the mean ${fixed(mean)} bits a ${what.slice(0, -1)}. ${units.kept()}`;
  }

  function fillChoices() {
    const others = norms.map(({ state, layer }, i) => new Option(`length of the ${STATES[state]} state, layer ${layer}`, `norm ${i}`));
    field.by.append(new Option("a unit", "unit"), new Option("surprise", "bits"), new Option("probability", "probability"), ...others);
    const last = found.model.layers - 1;
    for (let layer = 0; layer <= last; layer++) {
      const name = last ? (layer === 0 ? ", the first" : layer === last ? ", the last" : "") : "";
      field.layer.append(new Option(`${layer}${name}`, layer));
    }
    const states = [...new Set(found.signals.map(({ state }) => state))].sort();
    field.state.append(...states.map((state) => new Option(STATES[state], state)));
    $("state-field").hidden = states.length < 2;
    field.unit.max = found.model.units - 1;
  }

  function choose({ layer, unit, state }, feature) {
    field.by.value = "unit";
    field.layer.value = layer;
    field.unit.value = unit;
    field.state.value = state;
    view.feature = feature;
    return paint();
  }

  /** Colours the text by what is chosen. */
  async function paint() {
    const request = ++view.request;
    const by = field.by.value;
    for (const part of document.querySelectorAll(".of-unit")) part.hidden = by !== "unit" || (part.id === "state-field" && field.state.options.length < 2);
    reader.hold(view.feature?.binary ? view.feature.values : null);
    if (!view.feature) for (const chip of document.querySelectorAll("#features [aria-pressed=true]")) chip.setAttribute("aria-pressed", "false");
    if (by === "unit") return paintUnit(request);
    view.unit = null;
    const values = by === "bits" ? bits : by === "probability" ? bits.map((value) => 2 ** -value) : norms[Number(by.slice(5))].values;
    const [least, greatest] = by === "bits" ? [0, 10] : by === "probability" ? [0, 1] : rangeOf([{ values }]);
    reader.paint((i) => (values[i] - least) / (greatest - least));
    legend(fixed(least), by === "bits" ? "10 bits or more" : fixed(greatest), false);
    $("coloured").textContent = `Coloured by ${field.by.selectedOptions[0].text}.`;
    told(view.place, "paint");
  }

  async function paintUnit(request) {
    const layer = Number(field.layer.value);
    const unit = field.unit.valueAsNumber;
    const fits = Number.isInteger(unit) && unit >= 0 && unit < found.model.units;
    field.unit.setAttribute("aria-invalid", String(!fits));
    if (!fits) return void ($("coloured").textContent = `Unit: a whole number from 0 to ${found.model.units - 1}.`);
    for (const option of field.state.options) option.disabled = !units.has(layer, option.value, unit);
    if (!units.has(layer, field.state.value, unit)) {
      const other = [...field.state.options].find((option) => !option.disabled);
      if (!other) return void ($("coloured").textContent = `This file has no room for unit ${unit} of layer ${layer}.`);
      field.state.value = other.value;
    }
    const track = await units.of(layer, field.state.value, unit);
    if (request !== view.request) return; // another choice has come meanwhile
    view.unit = { name: `${STATES[field.state.value]} state of unit ${unit}`, ...track };
    const { values, least, greatest } = track;
    const middle = field.centre.checked ? (least + greatest) / 2 : 0;
    const most = Math.max(Math.abs(least - middle), Math.abs(greatest - middle)) || 1;
    reader.paint((i) => (values[i] - middle) / most);
    legend(fixed(middle - most), fixed(middle + most), true);
    const marked = view.feature?.binary ? `; underlined: ${view.feature.name}` : "";
    $("coloured").textContent = `Coloured by layer ${layer}, ${view.unit.name}, from ${fixed(least)} to ${fixed(greatest)} in this text${marked}.`;
    const series = [{ name: `layer ${layer}, ${view.unit.name}`, values, colour: "--accent" }];
    if (view.feature) series.unshift({ name: view.feature.name, values: stretched(view.feature.values, least, greatest), colour: "--edge" });
    charts.unit.show(series, [least, greatest > least ? greatest : least + 1]);
    markGate(layer, unit);
    told(view.place, "paint");
  }

  /** A feature drawn in the range of a unit. */
  function stretched(values, least, greatest) {
    const [low, high] = rangeOf([{ values }]);
    return values.map((value) => least + ((greatest - least) * (value - low)) / (high - low));
  }

  function legend(low, high, both) {
    const [left, bar, right] = $("legend").children;
    left.textContent = low;
    right.textContent = high;
    const shades = Array.from({ length: 9 }, (_, i) => shadeColour(both ? i / 4 - 1 : i / 8) || "transparent");
    bar.style.background = `linear-gradient(to right, ${shades.join(", ")})`;
  }

  /** Describes a place. */
  function told(place, how) {
    view.place = place;
    const token = found.tokens[place];
    const width = places.length / found.tokens.length;
    const alternatives = Array.from({ length: width }, (_, i) => ({
      token: found.alternatives.tokens[places[place * width + i]],
      share: shares[place * width + i] / 65535,
    }));
    const facts = [
      [`Place ${number.format(place + 1)}`, named(token)],
      ["Probability", percent(2 ** -bits[place])],
      ["Surprise", `${fixed(bits[place])} bits`],
    ];
    if (view.unit) facts.push(["Unit after it", fixed(view.unit.values[place])]);
    for (const { state, layer, values } of norms) if (state === norms[0].state) facts.push([`|${state}|, layer ${layer}`, fixed(values[place], 1)]);
    const list = make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
    $("place").replaceChildren(list, alternativesList(alternatives, token));
    if (how !== "hover") for (const chart of Object.values(charts)) chart.mark(place);
    if (how === "key") spoken.textContent = `${named(token)}, ${percent(2 ** -bits[place])}${view.unit ? `, unit ${fixed(view.unit.values[place])}` : ""}`;
  }
});
