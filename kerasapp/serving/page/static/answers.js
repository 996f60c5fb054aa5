// Any task: numbers or a text in, whatever the signature gives out; a forecast is drawn.

import { inWords } from "./forms.js";
import { chart } from "./forecast.js";
import { predict } from "./requests.js";

const SHOWN = 200; // numbers of an output that are written out

/** Asks a task's main signature and shows its outputs. */
export async function ask(section, form, model, inputs, signal, tell) {
  const table = form.takes === "numbers" ? read(inputs[form.input]) : null;
  const row = table ? { ...inputs, [form.input]: table.rows, lengths: table.rows.length } : inputs;
  tell("Asking …");
  const start = performance.now();
  const found = await predict(model, form.signature, row, signal);
  const seconds = (performance.now() - start) / 1000;
  section.querySelector(".answer").hidden = false;
  const forecast = table && found.mean && found.quantiles;
  section.querySelector(".shown").replaceChildren(...(forecast ? chart(table, found) : [outputs(found)]));
  return `Answered in ${seconds.toFixed(1)} s.`;
}

/** {columns, rows} of pasted numbers. Throws an Error that names the line which cannot be read. */
export function read(text) {
  const lines = text.split(/\r?\n/).map((line, i) => ({ place: i + 1, line: line.trim() }));
  const filled = lines.filter(({ line }) => line !== "");
  const split = (line) => line.split(/\s*[,;\t]\s*|\s+/);
  let columns = null;
  if (filled.length && split(filled[0].line).every((word) => Number.isNaN(Number(word)))) {
    columns = split(filled.shift().line);
  }
  const rows = filled.map(({ place, line }) => {
    const numbers = split(line).map(Number);
    if (!numbers.every(Number.isFinite)) throw new Error(`Line ${place}: “${line}” is not numbers.`);
    const width = (columns ??= numbers.map((_, i) => (numbers.length > 1 ? `column ${i + 1}` : "value"))).length;
    if (numbers.length !== width) throw new Error(`Line ${place}: has ${numbers.length} numbers, not ${width}.`);
    return numbers;
  });
  if (!rows.length) throw new Error("There are no numbers. Paste a line per step.");
  return { columns, rows };
}

function outputs(found) {
  const entries = found !== null && typeof found === "object" && !Array.isArray(found) ? found : { answer: found };
  const list = document.createElement("dl");
  list.className = "outputs";
  for (const [name, value] of Object.entries(entries)) {
    const [term, shown] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = inWords(name);
    if (value?.b64 !== undefined) shown.append(download(name, value.b64));
    else shown.textContent = typeof value === "string" ? value : shortened(value);
    list.append(term, shown);
  }
  return list;
}

function shortened(value) {
  const flat = [value].flat(Infinity);
  if (flat.length <= SHOWN) return JSON.stringify(value);
  return `${JSON.stringify(flat.slice(0, SHOWN)).slice(0, -1)}, … (${flat.length} values)`;
}

function download(name, b64) {
  const bytes = Uint8Array.from(atob(b64), (character) => character.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes]));
  link.download = name;
  link.textContent = `Save ${bytes.length} bytes`;
  return link;
}
