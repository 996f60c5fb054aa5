// The attention of a translation, as a heat map and in words.

const LEAST = 28; // pixels of a token on either axis; where all of them do not fit, the picture can be scrolled
const MOST = 42;
const LETTERS = 14;
const GAP = 8; // between labels and fields
const SVG = "http://www.w3.org/2000/svg";

const ruler = document.createElement("canvas").getContext("2d");

/** A token as it is shown: a space is visible, the end has a name. */
function shown(token) {
  return token === "</s>" ? "end" : token.replaceAll("▁", "\u00a0").trim() || "space";
}

function element(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function widest(labels) {
  ruler.font = `${LETTERS}px system-ui, sans-serif`;
  return Math.ceil(Math.max(...labels.map((label) => ruler.measureText(label).width)));
}

/**
 * A heat map: sources on top, targets on the left; a field is the more opaque the more weight it has.
 *
 * weights: [target][source], from 0 to 1; padding beyond the tokens is ignored.
 * room: pixels that it may be wide, if the fields are not too small then.
 */
export function heatMap(sources, targets, weights, room) {
  const [top, side] = [sources, targets].map((tokens) => tokens.map(shown));
  const left = widest([...side, ""]) + GAP;
  const cell = Math.min(MOST, Math.max(LEAST, Math.floor((room - left - 2) / top.length)));
  const standing = widest([...top, ""]) > cell - 2;
  const above = (standing ? widest(top) : LETTERS) + GAP;
  const width = left + cell * top.length;
  const height = above + cell * side.length;
  const picture = element("svg", {
    width: width + 1,
    height: height + 1,
    role: "img",
    "font-size": LETTERS,
    "font-family": "system-ui, sans-serif",
    "aria-label": "Heat map of the attention; the same in words is below.",
  });
  top.forEach((label, i) => {
    const x = left + cell * (i + 0.5);
    const place = standing
      ? { transform: `translate(${x} ${above - GAP}) rotate(-90)`, "dominant-baseline": "central" }
      : { x, y: above - GAP, "text-anchor": "middle" };
    picture.append(element("text", place, label));
  });
  side.forEach((label, j) => {
    const y = above + cell * (j + 0.5);
    const place = { x: left - GAP, y, "text-anchor": "end", "dominant-baseline": "central" };
    picture.append(element("text", place, label));
    top.forEach((source, i) => {
      const weight = weights[j][i];
      const title = element("title", {}, `${label} looked at ${source}: ${weight.toFixed(2)}`);
      const field = { x: left + cell * i, y: above + cell * j, width: cell, height: cell };
      picture.append(element("rect", { ...field, "fill-opacity": weight.toFixed(3) }, title));
    });
  });
  const frame = { class: "frame", x: left + 0.5, y: above + 0.5 };
  picture.append(element("rect", { ...frame, width: cell * top.length, height: cell * side.length }));
  return picture;
}

/** The same as a table: for each target the source that it looked at most. */
export function lookedAt(sources, targets, weights) {
  const table = document.createElement("table");
  const head = table.createTHead().insertRow();
  for (const title of ["Token", "looked most at", "with weight"]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = title;
    head.append(cell);
  }
  const body = table.createTBody();
  targets.forEach((target, j) => {
    const row = weights[j].slice(0, sources.length);
    const most = row.indexOf(Math.max(...row));
    const cells = body.insertRow();
    for (const text of [shown(target), shown(sources[most]), row[most].toFixed(2)]) {
      cells.insertCell().textContent = text;
    }
  });
  return table;
}
