// Each unit's gates: how often shut against how often open, as in Karpathy, Johnson and Fei-Fei 2015.

const PLOT = { size: 180, left: 34, below: 32, above: 6, dot: 2.6 };
const DRAWING = "http://www.w3.org/2000/svg";

function vector(name, attributes, ...children) {
  const made = document.createElementNS(DRAWING, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const SENSE = {
  lstm:
    "A gate lets nothing through at 0 and all at 1. Left-saturated is a unit's gate while it is below 0.1, right-saturated " +
    "while it is above 0.9. A dot is a unit: a forget gate far to the right keeps its memory for long, one far up forgets at " +
    "every step; near the origin it decides by degrees.",
  gru:
    "A gate lets nothing through at 0 and all at 1. Left-saturated is a unit's gate while it is below 0.1, right-saturated " +
    "while it is above 0.9. A dot is a unit: where the update gate is far to the right the unit keeps its state, far up it " +
    "takes a new one; where the reset gate is far up the new one depends on the input alone.",
  simple_rnn:
    "This cell has no gates. Shown are the states themselves, from −1 to 1: left-saturated while below −0.9, right-saturated " +
    "while above 0.9. What is saturated passes no gradient on.",
};

/** Draws all gates; pick(layer, unit) is called for a dot. Gives a function that marks a unit. */
export function showGates(cell, gates, pick) {
  document.getElementById("gates-about").textContent = SENSE[cell];
  const plots = gates.map((gate) => scatter(gate, pick));
  document.getElementById("saturation").replaceChildren(...plots.map(({ figure }) => figure));
  fillTable(gates);
  return (layer, unit) => {
    for (const { gate, dots } of plots) {
      dots.forEach((dot, i) => dot.classList.toggle("here", gate.layer === layer && i === unit));
      if (gate.layer === layer) dots[unit].parentNode.append(dots[unit]); // over the others
    }
  };
}

function scatter(gate, pick) {
  const { size, left, below, above, dot } = PLOT;
  const width = left + size + 8;
  const height = above + size + below;
  const name = `${gate.gate === "state" ? "state" : `${gate.gate} gate`}, layer ${gate.layer}`;
  const picture = vector("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${name}: share of the time left- and right-saturated, a dot for each unit; the table below sums up.` });
  picture.append(
    vector("rect", { class: "area", x: left, y: above, width: size, height: size }),
    vector("line", { class: "limit", x1: left, y1: above, x2: left + size, y2: above + size }),
    vector("text", { x: left + size / 2, y: height - 4, "text-anchor": "middle" }, "right-saturated"),
    vector("text", { transform: `translate(10 ${above + size / 2}) rotate(-90)`, "text-anchor": "middle" }, "left-saturated"),
  );
  for (const share of [0, 1]) {
    picture.append(
      vector("text", { x: left + share * size, y: above + size + 13, "text-anchor": "middle" }, String(share)),
      vector("text", { x: left - 4, y: above + size * (1 - share) + 4, "text-anchor": "end" }, String(share)),
    );
  }
  const dots = Array.from(gate.left, (low, unit) => {
    const high = gate.right[unit];
    const title = vector("title", {}, `unit ${unit}: left ${percent(low / 255)}, right ${percent(high / 255)}`);
    const at = { cx: left + (size * high) / 255, cy: above + size * (1 - low / 255), r: dot };
    const made = vector("circle", at, title);
    made.addEventListener("click", () => pick(gate.layer, unit));
    return made;
  });
  picture.append(vector("g", {}, ...dots));
  return { gate, dots, figure: make("figure", {}, make("figcaption", {}, name), picture) };
}

function fillTable(gates) {
  const table = document.getElementById("saturation-table");
  const head = table.createTHead().insertRow();
  for (const title of ["Layer", "Gate", "left", "right", "units ≥ 95% left", "units ≥ 95% right"]) {
    head.append(make("th", { scope: "col" }, title));
  }
  const body = table.createTBody();
  for (const { layer, gate, left, right } of gates) {
    const mean = (shares) => percent(shares.reduce((sum, share) => sum + share, 0) / shares.length / 255);
    const most = (shares) => String(shares.filter((share) => share >= 0.95 * 255).length);
    const row = body.insertRow();
    for (const text of [String(layer), gate, mean(left), mean(right), most(left), most(right)]) {
      row.insertCell().textContent = text;
    }
  }
}
