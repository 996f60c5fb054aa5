// The page: asks for the models now and then, and shows what can be tried.

import { fillChoice, fillKnobs, inWords, wire } from "./forms.js";
import { ask } from "./answers.js";
import { models } from "./requests.js";
import { speak, translate, write } from "./tasks.js";

const AGAIN = 5000; // milliseconds until the models are asked for again
const DRAWN = ["generation", "translation", "synthesis"]; // those with a section and a display of their own
const STATES = { AVAILABLE: "ready", LOADING: "loading", START: "waiting", UNLOADING: "unloading" };

const sections = Object.fromEntries(DRAWN.map((task) => [task, document.getElementById(task)]));
let voices = {}; // what a path of a model says of its spectrograms

wire(sections.generation, { work: (...request) => write(sections.generation, ...request) });
wire(sections.translation, {
  enterSends: true,
  work: (...request) => translate(sections.translation, ...request),
});
wire(sections.synthesis, {
  enterSends: true,
  work: (model, ...request) => speak(sections.synthesis, model, ...request, voices[model]),
});

let before = "";

async function refresh() {
  const problem = document.getElementById("no-server");
  try {
    const found = await models();
    problem.hidden = true;
    if (JSON.stringify(found) !== before) show(found);
    before = JSON.stringify(found);
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
  document.getElementById("loading").hidden = true;
}

function show(found) {
  const forms = {};
  for (const { versions } of found) for (const { task, form } of versions) if (form) forms[task] ??= form;
  for (const task of new Set([...Object.keys(sections), ...Object.keys(forms)])) {
    const able = found
      .map(({ name, versions }) => ({
        name,
        versions: versions.filter((version) => version.state === "AVAILABLE" && version.task === task),
      }))
      .filter(({ versions }) => versions.length);
    if (able.length) sections[task] ??= newSection(task, forms[task]);
    if (!sections[task]) continue;
    fillChoice(sections[task], able);
    if (able.length) fillKnobs(sections[task], able[0].versions[0].form.knobs);
    document.querySelector(`nav a[href="#${task}"]`).hidden = sections[task].hidden;
    if (task === "synthesis") voices = settings(able);
  }
  document.querySelector("#models tbody").replaceChildren(...found.flatMap(rows));
  document.getElementById("models").hidden = false;
}

/** A section for a task that has none, from its description. */
function newSection(task, form) {
  const section = document.getElementById("any-task").content.cloneNode(true).firstElementChild;
  section.id = task;
  section.querySelector("h2").textContent = inWords(form.signature);
  section.querySelector("h2").id = `${task}-title`;
  section.setAttribute("aria-labelledby", `${task}-title`);
  const numbers = form.takes === "numbers";
  section.querySelector(".lead").textContent = numbers
    ? "Paste numbers, a line per step; columns are separated by commas or tabs, and a first line may name them."
    : "Give a text and see what the model answers.";
  const [select, area] = section.querySelectorAll("select, textarea");
  select.id = `${task}-model`;
  section.querySelector(".model-field label").htmlFor = select.id;
  area.id = `${task}-text`;
  area.name = form.input;
  const label = section.querySelector(".input-label");
  label.htmlFor = area.id;
  label.textContent = inWords(form.input);
  document.getElementById("models").before(section);
  const link = document.createElement("a");
  link.href = `#${task}`;
  link.textContent = inWords(form.signature);
  document.getElementById("models-link").before(link);
  wire(section, { work: (...request) => ask(section, form, ...request) });
  return section;
}

function settings(able) {
  const found = {};
  for (const { name, versions } of able) {
    const path = encodeURIComponent(name);
    found[path] = versions[0].audio;
    for (const { version, audio } of versions) found[`${path}/versions/${version}`] = audio;
  }
  return found;
}

function rows({ name, versions }) {
  return versions.flatMap((version) => {
    const row = document.createElement("tr");
    const title = document.createElement("th");
    title.scope = "row";
    title.textContent = name;
    row.append(title);
    const task = version.task || (version.state === "AVAILABLE" ? "other" : "");
    for (const text of [version.version, task]) row.insertCell().textContent = text;
    if (version.labels.length) note(row.cells[1], version.labels.join(", "));
    const state = row.insertCell();
    state.textContent = version.error ? "broken" : STATES[version.state] || "ended";
    state.className = version.error ? "broken" : version.state === "AVAILABLE" ? "ready" : "";
    if (!version.error) return [row];
    row.className = "explained";
    const reason = document.createElement("tr");
    const cell = reason.insertCell();
    cell.colSpan = 4;
    note(cell, version.error.split("\n")[0]);
    return [row, reason];
  });
}

function note(cell, text) {
  const small = document.createElement("span");
  small.className = "note";
  small.textContent = text;
  cell.append(small);
}

await refresh();
setInterval(() => document.hidden || refresh(), AGAIN);
