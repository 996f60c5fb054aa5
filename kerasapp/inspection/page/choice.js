// What colours the report: a unit, or something else that has a value at each step.

/**
 * Fills the form of the colours.
 *
 * found: the contents. units: see `unitValues`. others: {key: {name, values, range, texts}}, what else can colour; range
 * and texts of its ends may be left out. started(by), done({by, name, unit, shade}): called as a colouring begins and
 * when its values are there; shade is a function (place) -> from -1 to 1, unit {layer, state, unit, name, values, least,
 * greatest} or null.
 *
 * Gives {choose(unit, feature), paint(), feature()}.
 */
export function colouring(found, units, others, { started, done }) {
  const field = Object.fromEntries(["by", "layer", "unit", "state", "centre"].map((id) => [id, document.getElementById(id)]));
  const form = document.getElementById("choice");
  const told = document.getElementById("coloured");
  let feature = null;
  let request = 0;
  fill();
  for (const one of Object.values(field)) one.addEventListener("input", () => ((feature = null), paint()));
  form.addEventListener("submit", (event) => event.preventDefault());
  return { choose, paint, feature: () => feature };

  function fill() {
    const names = Object.entries(others).map(([by, { name }]) => new Option(name, by));
    field.by.append(new Option("a unit", "unit"), ...names);
    const last = found.model.layers - 1;
    for (let layer = 0; layer <= last; layer++) {
      const name = last ? (layer === 0 ? ", the first" : layer === last ? ", the last" : "") : "";
      field.layer.append(new Option(`${layer}${name}`, layer));
    }
    const states = [...new Set(found.signals.map(({ state }) => state))].sort();
    field.state.append(...states.map((state) => new Option(STATES[state], state)));
    field.unit.max = found.model.units - 1;
  }

  function choose({ layer, unit, state = field.state.value }, followed) {
    Object.assign(field.by, { value: "unit" });
    for (const [name, value] of Object.entries({ layer, unit, state })) field[name].value = value;
    feature = followed;
    return paint();
  }

  async function paint() {
    const current = ++request;
    const by = field.by.value;
    for (const part of document.querySelectorAll(".of-unit")) part.hidden = by !== "unit" || (part.id === "state-field" && field.state.options.length < 2);
    if (!feature) for (const chip of document.querySelectorAll("#features [aria-pressed=true]")) chip.setAttribute("aria-pressed", "false");
    started(by);
    if (by === "unit") return paintUnit(current);
    const { name, values, range, texts } = others[by];
    const [least, greatest] = range || rangeOf([{ values }]);
    legend(...(texts || [fixed(least), fixed(greatest)]), least < 0);
    told.textContent = `Coloured by ${name}.`;
    done({ by, name, unit: null, shade: least < 0 ? (i) => values[i] / greatest : (i) => (values[i] - least) / (greatest - least) });
  }

  async function paintUnit(current) {
    const layer = Number(field.layer.value);
    const unit = field.unit.valueAsNumber;
    const fits = Number.isInteger(unit) && unit >= 0 && unit < found.model.units;
    field.unit.setAttribute("aria-invalid", String(!fits));
    if (!fits) return void (told.textContent = `Unit: a whole number from 0 to ${found.model.units - 1}.`);
    for (const option of field.state.options) option.disabled = !units.has(layer, option.value, unit);
    if (!units.has(layer, field.state.value, unit)) {
      const other = [...field.state.options].find((option) => !option.disabled);
      if (!other) return void (told.textContent = `This file has no room for unit ${unit} of layer ${layer}.`);
      field.state.value = other.value;
    }
    const state = field.state.value;
    const track = await units.of(layer, state, unit);
    if (current !== request) return; // another choice has come meanwhile
    const { values, least, greatest } = track;
    const middle = field.centre.checked ? (least + greatest) / 2 : 0;
    const most = Math.max(Math.abs(least - middle), Math.abs(greatest - middle)) || 1;
    const name = `${STATES[state]} state of unit ${unit}`;
    legend(fixed(middle - most), fixed(middle + most), true);
    told.textContent = `Coloured by layer ${layer}, ${name}, from ${fixed(least)} to ${fixed(greatest)}.`;
    done({ by: "unit", name: `layer ${layer}, ${name}`, unit: { layer, state, unit, name, ...track }, shade: (i) => (values[i] - middle) / most });
  }

  function legend(low, high, both) {
    const [left, bar, right] = document.getElementById("legend").children;
    left.textContent = low;
    right.textContent = high;
    const shades = Array.from({ length: 9 }, (_, i) => shadeColour(both ? i / 4 - 1 : i / 8) || "transparent");
    bar.style.background = `linear-gradient(to right, ${shades.join(", ")})`;
  }
}

/** A feature drawn in the range of a unit. */
export function stretched(values, least, greatest) {
  const [low, high] = rangeOf([{ values }]);
  return values.map((value) => least + ((greatest - least) * (value - low)) / (high - low));
}

const STRONGEST = 0.62; // opacity of the strongest colour: letters stay legible on it

/** A colour for a share from -1 to 1. */
export function shadeColour(share) {
  const strength = Math.min(Math.abs(share), 1) * STRONGEST;
  return strength < 0.01 ? "" : `rgba(var(${share < 0 ? "--cool" : "--warm"}), ${strength.toFixed(3)})`;
}

/** What colours by the length of the states of each layer, for `colouring`; norms: of the contents, unpacked. */
export function lengthsOf(norms) {
  return Object.fromEntries(norms.map(({ state, layer, values }, i) => [`norm ${i}`, { name: lengthName(state, layer), values }]));
}

/** The norms as lines of a chart. */
export function lengthLines(norms) {
  const colours = ["--accent", "--mark", "--good", "--muted"];
  return norms.map(({ state, layer, values }, i) => ({ name: lengthName(state, layer), values, colour: colours[i % 4] }));
}

function lengthName(state, layer) {
  return `length of the ${STATES[state]} state, layer ${layer}`;
}

/** The cell of a model, in words. */
export function cellName({ cell }) {
  return { lstm: "LSTM", gru: "GRU", simple_rnn: "SimpleRNN" }[cell];
}
