// The report of a text that a language model has read.

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

run(async (found) => {
  linkPlaces();
  const [bits, places, shares] = await Promise.all(
    [found.bits, found.alternatives.places, found.alternatives.shares].map(unpack),
  );
  const [norms, features, gates] = await unpackUnits(found);
  const units = unitValues(found);
  const view = { place: 0, unit: null };
  const $ = (id) => document.getElementById(id);

  const reader = readerOf(found.tokens, bits, told);
  const goTo = (place) => reader.go(place, "chart");
  const charts = {
    unit: lineChart($("charts").appendChild(make("figure", { class: "chart" })), "The unit along the text", goTo),
    bits: lineChart($("charts").appendChild(make("figure", { class: "chart" })), "Surprise along the text", goTo),
    norms: lineChart($("charts").appendChild(make("figure", { class: "chart" })), "Size of the states along the text", goTo),
  };
  const spoken = $("text").appendChild(make("p", { class: "spoken", role: "status" }));
  const markGate = showGates(found.model.cell, gates, (layer, unit) => colours.choose({ layer, unit }, null));
  const others = {
    bits: { name: "surprise", values: bits, range: [0, 10], texts: ["0.00", "10 bits or more"] },
    probability: { name: "probability", values: bits.map((value) => 2 ** -value), range: [0, 1] },
    ...lengthsOf(norms),
  };
  const colours = colouring(found, units, others, {
    started: () => reader.hold(colours.feature()?.binary ? colours.feature().values : null),
    done: coloured,
  });

  about();
  charts.bits.show([{ name: "surprise, bits", values: bits, colour: "--accent" }]);
  charts.norms.show(lengthLines(norms));
  listFeatures(features, units.owner, found.short, colours.choose);
  const first = [...document.querySelectorAll("#features button")][0];
  if (first) first.click();
  else await colours.paint();
  reader.go(0, "start");

  function about() {
    const mean = bits.reduce((sum, value) => sum + value, 0) / bits.length;
    const { units: width, layers, vocabulary } = found.model;
    const what = found.characters ? "characters" : "tokens";
    const read = found.tokens.reduce((sum, token) => sum + [...token].length, 0);
    const cut = found.of > read ? `, the first of a text of ${number.format(found.of)} characters` : "";
    $("about").textContent =
      `${number.format(found.tokens.length)} ${what}${cut}, read by ${layers} ${cellName(found.model)} layer${layers > 1 ? "s" : ""} of ${width} units that know ` +
      `${number.format(vocabulary)} ${what}; ${fixed(mean)} bits per ${what.slice(0, -1)} on average. ${units.kept()}`;
  }

  /** The text is coloured anew. */
  function coloured({ unit, shade }) {
    view.unit = unit;
    reader.paint(shade);
    if (unit) showUnit(unit);
    told(view.place, "paint");
  }

  function showUnit({ layer, unit, name, values, least, greatest }) {
    const feature = colours.feature();
    if (feature?.binary) $("coloured").textContent = $("coloured").textContent.replace(/\.$/, `; underlined: ${feature.name}.`);
    const series = [{ name: `layer ${layer}, ${name}`, values, colour: "--accent" }];
    if (feature) series.unshift({ name: feature.name, values: stretched(feature.values, least, greatest), colour: "--edge" });
    charts.unit.show(series, [least, greatest > least ? greatest : least + 1]);
    markGate(layer, unit);
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
    $("place").replaceChildren(factsList(facts), alternativesList(alternatives, token));
    if (how !== "hover") for (const chart of Object.values(charts)) chart.mark(place);
    if (how === "key") spoken.textContent = `${named(token)}, ${percent(2 ** -bits[place])}${view.unit ? `, unit ${fixed(view.unit.values[place])}` : ""}`;
  }
});
