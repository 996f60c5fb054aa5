// The form: opens the bundle that the address names, and shows the text while it is generated.

import { open } from "./generate.js";

const FRAME = 30; // milliseconds of work between two looks at the keyboard

const form = document.querySelector("form");
const [status, text] = [document.querySelector("#status"), document.querySelector("#text")];
const [write, cancel] = [document.querySelector("#write"), document.querySelector("#cancel")];
const asked = new URLSearchParams(location.search);
let stopped = false;
let writing = false;

async function main() {
  const folder = (asked.get("bundle") ?? "bundle").replace(/\/+$/, "");
  try {
    const generator = await open(folder, asked.get("precision"));
    document.querySelector("#knobs").append(...generator.knobs.map(field));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!writing) run(generator);
    });
    write.disabled = false;
    status.textContent = "Ready.";
  } catch (error) {
    status.textContent = error.message;
  }
}

/** The field of a knob, with its default and its range. */
function field({ name, type, default: value, least, most, help = "" }) {
  const [box, label, input] = ["div", "label", "input"].map((tag) => document.createElement(tag));
  label.textContent = name[0].toUpperCase() + name.slice(1).replaceAll("_", " ");
  label.htmlFor = name;
  Object.assign(input, { id: name, name, title: help, defaultValue: value });
  if (type !== "string") {
    const step = type === "int32" ? 1 : "any";
    Object.assign(input, { type: "number", min: least ?? "", max: most ?? "", step, required: true });
  }
  box.append(label, input);
  return box;
}

async function run(generator) {
  const { prompt, ...knobs } = Object.fromEntries(new FormData(form));
  for (const { name, type } of generator.knobs) {
    knobs[name] = type === "string" ? knobs[name].replaceAll("\\n", "\n") : Number(knobs[name]);
  }
  [stopped, writing, cancel.disabled] = [false, true, false];
  status.textContent = "Writing …";
  text.textContent = prompt;
  const begun = performance.now();
  let [count, shown] = [0, begun];
  try {
    for await (const piece of generator.stream(prompt, knobs)) {
      if (stopped) break;
      text.append(piece);
      count += Array.from(piece).length;
      if (performance.now() - shown > FRAME) {
        await new Promise((resume) => setTimeout(resume)); // the browser draws, and reads keys
        shown = performance.now();
      }
    }
    const rate = (1000 * count) / (performance.now() - begun);
    status.textContent = `${count} characters, ${rate.toFixed(0)} per second.`;
  } catch (error) {
    status.textContent = error.message;
  }
  [writing, cancel.disabled] = [false, true];
}

cancel.addEventListener("click", () => (stopped = true));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stopped = true;
  if (event.key === "Enter" && event.ctrlKey) form.requestSubmit();
});
main();
