// All units of a layer over the steps that are shown: a row each, drawn into a canvas.

const ROWS = { least: 3, most: 12, height: 420 };

/**
 * The states of a layer's units as colours.
 *
 * pick(unit): called as a row is clicked. Gives `show({rows: list of {unit, values, most}, from, to, place, unit, label})`:
 * most is the size that has the strongest colour.
 */
export function unitMap(host, pick) {
  const figure = host.appendChild(make("figure", { class: "chart map" }));
  const caption = figure.appendChild(make("figcaption"));
  const canvas = figure.appendChild(make("canvas", { role: "img" }));
  let found = { rows: [], label: "" };

  function redraw() {
    if (!found.rows.length) return;
    const { rows, from, to } = found;
    const row = Math.min(Math.max(Math.floor(ROWS.height / rows.length), ROWS.least), ROWS.most);
    const width = figure.clientWidth;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(row * rows.length * scale);
    canvas.style.height = `${row * rows.length}px`;
    const pen = canvas.getContext("2d");
    pen.scale(scale, scale);
    const inner = { x: CHART.left, y: 0, width: width - CHART.left - CHART.right, height: row * rows.length };
    const picture = pictureOf(rows, from, to, Math.max(Math.floor(inner.width), 1));
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, inner.x, inner.y, inner.width, inner.height);
    const every = Math.max(1, Math.ceil(14 / row));
    rows.forEach(({ unit }, i) => i % every === 0 && drawNumber(pen, inner, String(unit), Math.min(i * row + 10, inner.height - 1)));
    const chosen = rows.findIndex(({ unit }) => unit === found.unit);
    pen.strokeStyle = styleColour("--text");
    if (chosen >= 0) pen.strokeRect(inner.x - 0.5, chosen * row - 0.5, inner.width + 1, row + 1);
    drawPlace(pen, inner, found.place - from, to - from);
  }

  canvas.addEventListener("click", ({ offsetY }) => {
    const row = Math.floor((offsetY / canvas.clientHeight) * found.rows.length);
    pick(found.rows[Math.min(Math.max(row, 0), found.rows.length - 1)].unit);
  });
  new ResizeObserver(redraw).observe(figure);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  return {
    show(shown) {
      found = { ...found, ...shown };
      figure.hidden = !found.rows.length;
      caption.textContent = found.label;
      canvas.setAttribute("aria-label", `${found.label} A row for each unit.`);
      redraw();
    },
  };
}

/** A picture with a line of pixels for each row; where steps share a pixel, the middle one is seen. */
function pictureOf(rows, from, to, most) {
  const width = Math.min(to - from, most);
  const picture = make("canvas", { width, height: rows.length });
  const pen = picture.getContext("2d");
  const image = pen.createImageData(width, rows.length);
  const colours = ["--cool", "--warm"].map((name) => getComputedStyle(document.documentElement).getPropertyValue(name).split(",").map(Number));
  rows.forEach(({ values, most: strongest }, i) => {
    for (let x = 0; x < width; x++) {
      const share = values[from + Math.floor(((x + 0.5) * (to - from)) / width)] / strongest;
      image.data.set([...colours[share < 0 ? 0 : 1], Math.min(Math.abs(share), 1) * 255], (i * width + x) * 4);
    }
  });
  pen.putImageData(image, 0, 0);
  return picture;
}
