// The spectrogram of a voice and its alignment, drawn by the second, with a line where the sound is.

const DEEPEST = 80; // dB below the loudest that have a colour of their own
const DECIBELS = 20 / Math.LN10; // of a natural logarithm of an amplitude
const HERTZ = [100, 250, 500, 1000, 2000, 3000, 4000, 6000, 8000, 12000, 16000];
// Eight points of matplotlib's "magma", which rises evenly in lightness.
const MAGMA = ["000004", "231151", "5f187f", "982d80", "d3436e", "f8765c", "febb81", "fcfdbf"].map(rgb);
const FONT = 12; // pixels
const LABELS = 46; // pixels left of a picture, for the labels of its rows
const AXIS = 34; // pixels below it, for the seconds
const ABOVE = 20; // pixels above it, for the unit of its rows
const RIGHT = 12;

function rgb(hexadecimal) {
  return [0, 2, 4].map((at) => parseInt(hexadecimal.slice(at, at + 2), 16));
}

function between(colours, share) {
  const place = Math.min(Math.max(share, 0), 1) * (colours.length - 1);
  const low = Math.min(Math.floor(place), colours.length - 2);
  return colours[low].map((value, i) => value + (colours[low + 1][i] - value) * (place - low));
}

/** Draws both pictures of an answer of `synthesize`; `audio` has f_min and f_max in Hz, or is null. */
export function drawSpeech(section, found, audio) {
  const mel = found.mel.slice(0, found.frames);
  const steps = found.alignment.slice(0, found.steps);
  const tokens = found.tokens.filter((token) => token !== "");
  const { seconds } = found;
  const height = Math.min(Math.max(tokens.length * 13, 90), 340);
  const loudest = Math.max(...mel.map((frame) => Math.max(...frame)));
  const spectrogram = {
    columns: mel,
    rows: mel[0].length,
    height: 200,
    top: ABOVE,
    colours: () => MAGMA,
    share: (value) => 1 + ((value - loudest) * DECIBELS) / DEEPEST,
    ticks: audio ? hertz(audio, mel[0].length) : bands(mel[0].length),
    title: audio ? "Hz" : "mel band",
    label: `Spectrogram of ${seconds.toFixed(1)} seconds of speech.`,
  };
  const alignment = {
    columns: steps.map((step) => step.slice(0, tokens.length)),
    rows: tokens.length,
    height,
    top: 1,
    colours: (style) => [rgb(style.ground), rgb(style.accent)],
    share: (value) => value,
    ticks: characters(tokens, height),
    title: "",
    label: `Alignment of ${tokens.length} characters over ${seconds.toFixed(1)} seconds.`,
  };
  const player = section.querySelector("audio");
  picture(section.querySelector(".spectrogram .plot"), spectrogram, seconds, player);
  picture(section.querySelector(".reading .plot"), alignment, seconds, player);
}

/** Where frequencies are among the bands, which divide the HTK mel scale evenly. */
function hertz({ f_min, f_max }, count) {
  const mel = (frequency) => 1127 * Math.log1p(frequency / 700);
  const step = (mel(f_max) - mel(f_min)) / (count + 1);
  return HERTZ.filter((frequency) => frequency > f_min && frequency < f_max).map((frequency) => ({
    at: (mel(frequency) - mel(f_min)) / step - 0.5, // band i peaks at (i + 1) steps, and its row's middle is i + 0.5
    text: frequency.toLocaleString("en"),
  }));
}

function bands(count) {
  return Array.from({ length: Math.ceil(count / 20) }, (_, i) => ({ at: 20 * i + 0.5, text: String(20 * i) }));
}

/** A label for each character, or for each word where characters have no room. */
function characters(tokens, height) {
  const shown = tokens.map((token) => (token === "</s>" ? "end" : token));
  if (height / tokens.length >= FONT) {
    return shown.map((token, i) => ({ at: i + 0.5, text: token === " " ? "␣" : token }));
  }
  const words = [];
  let start = 0;
  shown.forEach((token, i) => {
    const ends = i + 1 === shown.length || shown[i + 1].trim() === "";
    const text = shown.slice(start, i + 1).join("").trim();
    if (!ends) return;
    if (text) words.push({ at: (start + i + 1) / 2, text });
    start = i + 1;
  });
  return words;
}

const drawn = new WeakMap(); // a plot -> what draws it again, and what stops its line

function picture(plot, image, seconds, player) {
  const redraw = () => draw(plot, image, seconds);
  drawn.get(plot)?.abort();
  const end = new AbortController();
  drawn.set(plot, end);
  redraw();
  const watched = new ResizeObserver(redraw);
  watched.observe(plot);
  end.signal.addEventListener("abort", () => watched.disconnect());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw, { signal: end.signal });
  follow(plot, image.top, seconds, player, end.signal);
}

function draw(plot, image, seconds) {
  const canvas = plot.querySelector("canvas");
  const width = plot.clientWidth;
  const height = image.top + image.height + AXIS;
  const scale = devicePixelRatio || 1;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.height = `${height}px`;
  canvas.setAttribute("aria-label", image.label);
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  pen.imageSmoothingEnabled = false;
  const style = colours();
  const inner = { x: LABELS, y: image.top, width: width - LABELS - RIGHT, height: image.height };
  pen.drawImage(pixels(image, style), inner.x, inner.y, inner.width, inner.height);
  pen.strokeStyle = `#${style.line}`;
  pen.strokeRect(inner.x - 0.5, inner.y - 0.5, inner.width + 1, inner.height + 1);
  pen.font = `${FONT}px system-ui, sans-serif`;
  pen.fillStyle = `#${style.text}`;
  drawRows(pen, inner, image);
  drawSeconds(pen, inner, seconds);
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = { ground: "--sunken", accent: "--accent", text: "--muted", line: "--edge" };
  return Object.fromEntries(
    Object.entries(names).map(([key, name]) => [key, style.getPropertyValue(name).trim().slice(1)]),
  );
}

/** The picture at one pixel a value, the first row at the bottom. */
function pixels(image, style) {
  const { columns, rows } = image;
  const canvas = document.createElement("canvas");
  canvas.width = columns.length;
  canvas.height = rows;
  const pen = canvas.getContext("2d");
  const data = pen.createImageData(columns.length, rows);
  const scale = image.colours(style);
  columns.forEach((column, x) => {
    column.forEach((value, row) => {
      const at = 4 * ((rows - 1 - row) * columns.length + x);
      data.data.set([...between(scale, image.share(value)), 255], at);
    });
  });
  pen.putImageData(data, 0, 0);
  return canvas;
}

function drawRows(pen, inner, image) {
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  let last = Infinity;
  for (const { at, text } of image.ticks) {
    const y = inner.y + inner.height * (1 - at / image.rows);
    if (last - y < FONT) continue; // no room
    pen.fillText(text, inner.x - 7, y, LABELS - 8);
    pen.fillRect(inner.x - 5, y - 0.5, 4, 1);
    last = y;
  }
  if (image.title) {
    pen.fillText(image.title, inner.x - 7, inner.y - FONT + 2, LABELS - 8);
  }
}

function drawSeconds(pen, inner, seconds) {
  const room = inner.width / 55; // labels that fit
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100].find((size) => seconds / size <= room) || 200;
  pen.textAlign = "center";
  const y = inner.y + inner.height;
  for (let i = 0; i * step <= seconds + 1e-9; i++) {
    const x = inner.x + (inner.width * i * step) / seconds;
    pen.fillRect(x - 0.5, y + 1, 1, 4);
    pen.fillText(String(Number((i * step).toFixed(1))), x, y + 13);
  }
  pen.fillText("seconds", inner.x + inner.width / 2, y + 28);
}

/** A line over the picture where the sound is. */
function follow(plot, top, seconds, player, signal) {
  const line = plot.querySelector(".playhead");
  const move = () => {
    const inner = plot.clientWidth - LABELS - RIGHT;
    line.style.left = `${LABELS + inner * Math.min(player.currentTime / seconds, 1)}px`;
    line.style.top = `${top}px`;
    line.style.height = `${plot.querySelector("canvas").clientHeight - top - AXIS}px`;
    line.hidden = player.ended || player.currentTime === 0;
    if (!player.paused && !player.ended && !signal.aborted) requestAnimationFrame(move);
  };
  line.hidden = true;
  for (const event of ["play", "pause", "seeked", "ended"]) player.addEventListener(event, move, { signal });
}
