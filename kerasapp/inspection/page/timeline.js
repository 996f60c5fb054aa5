// The part of a series that the charts show: moved by keys, by buttons and in a small picture of the whole.

const LEAST_STEPS = 10; // shown at once, at least
const STRIP = { height: 54, below: 6 };

/**
 * A part of `count` steps and a step in it.
 *
 * moved(how): called as either changes; how is "hover", "key", "click" or "part". surprising(step, way): the next
 * surprising step after (1) or before (-1) a step. Gives {from, to, place, shown, go(step, how), point(step)}: shown is
 * the step that the mouse is over, otherwise place.
 */
export function timeline(count, start, moved, surprising) {
  const line = { from: Math.max(0, count - start), to: count, place: count - 1, shown: count - 1, go, point, cover };

  function go(step, how) {
    line.shown = line.place = Math.min(Math.max(step, 0), count - 1);
    const length = line.to - line.from;
    const margin = Math.min(Math.floor(length / 10), 10);
    if (line.place < line.from + margin) cover(line.place - margin, length, how);
    else if (line.place >= line.to - margin) cover(line.place + margin + 1 - length, length, how);
    else moved(how);
  }

  function point(step) {
    line.shown = step ?? line.place;
    moved("hover");
  }

  /** Shows `length` steps from one on, as far as there are so many. */
  function cover(from, length, how = "part") {
    const steps = Math.min(Math.max(Math.round(length), Math.min(LEAST_STEPS, count)), count);
    line.from = Math.min(Math.max(Math.round(from), 0), count - steps);
    line.to = line.from + steps;
    moved(how);
  }

  function zoom(times) {
    const length = (line.to - line.from) * times;
    const inside = line.place >= line.from && line.place < line.to;
    const [middle, share] = inside ? [line.place, (line.place - line.from) / (line.to - line.from)] : [(line.from + line.to) / 2, 0.5];
    cover(middle - share * length, length);
  }

  const steps = { earlier: -1, later: 1 };
  for (const [id, way] of Object.entries(steps)) {
    document.getElementById(id).addEventListener("click", () => cover(line.from + way * 0.8 * (line.to - line.from), line.to - line.from));
  }
  const zooms = { closer: 0.5, farther: 2, whole: Infinity };
  for (const [id, times] of Object.entries(zooms)) document.getElementById(id).addEventListener("click", () => zoom(Math.min(times, count)));
  document.getElementById("view").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const length = line.to - line.from;
    const { place } = line;
    const jumps = {
      ArrowLeft: place - 1, ArrowRight: place + 1, PageUp: place - length, PageDown: place + length, Home: 0, End: count - 1,
      n: surprising(place, 1), N: surprising(place, -1),
    };
    if (event.key in jumps) go(jumps[event.key], "key");
    else if (event.key === "+" || event.key === "=") zoom(0.5);
    else if (event.key === "-") zoom(2);
    else return;
    event.preventDefault();
  });
  return line;
}

/** The whole series in small, with the part that is shown; drag it to show another. Gives `show(values, parts)` and `redraw`. */
export function overview(host, line) {
  const whole = { values: [], parts: [] };
  const { canvas, redraw, placeOf } = canvasChart(host, { ...STRIP, draw, count: () => whole.values.length });
  let grabbed = null; // how far from its first step the part is held

  function draw(pen, inner) {
    const { values, parts } = whole;
    const at = (step) => inner.x + (inner.width * step) / values.length;
    drawBox(pen, inner);
    drawLine(pen, inner, rangeOf([{ values }]), { values, colour: "--edge" });
    drawParts(pen, inner, parts, 0, values.length, false);
    pen.fillStyle = cellColour(0.18);
    const width = Math.max(at(line.to) - at(line.from), 3);
    pen.fillRect(at(line.from), inner.y, width, inner.height);
    pen.strokeStyle = styleColour("--accent");
    pen.lineWidth = 2;
    pen.strokeRect(at(line.from), inner.y, width, inner.height);
    drawPlace(pen, inner, line.shown, values.length);
  }

  canvas.addEventListener("pointerdown", (event) => {
    const step = placeOf(event);
    const length = line.to - line.from;
    grabbed = step >= line.from && step < line.to ? step - line.from : length / 2;
    canvas.setPointerCapture(event.pointerId);
    line.cover(step - grabbed, length);
  });
  canvas.addEventListener("pointermove", (event) => grabbed !== null && line.cover(placeOf(event) - grabbed, line.to - line.from));
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (grabbed = null));
  return {
    redraw,
    show(values, parts, label) {
      Object.assign(whole, { values, parts });
      canvas.setAttribute("aria-label", label);
      redraw();
    },
  };
}

/** Lines where a part of the data ends and the next begins, with their names where there is room. */
export function drawParts(pen, inner, parts, from, to, named) {
  const at = (step) => inner.x + (inner.width * (step - from)) / (to - from);
  pen.fillStyle = styleColour("--muted");
  pen.font = "11px system-ui, sans-serif";
  for (const { name, start, end } of parts) {
    const [left, right] = [at(Math.max(start, from)), at(Math.min(end, to))];
    if (start >= to || end <= from) continue;
    if (start > from) pen.fillRect(Math.round(left), inner.y, 1, inner.height);
    pen.textAlign = "left";
    if (named && right - left > pen.measureText(name).width + 10) pen.fillText(name, left + 5, inner.y + 13);
  }
}
