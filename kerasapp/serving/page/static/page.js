// The page: asks for the models now and then, and shows what can be tried.

import { fillChoice, wire } from "./forms.js";
import { models } from "./requests.js";
import { speak, translate, write } from "./tasks.js";

const AGAIN = 5000; // milliseconds until the models are asked for again
const TASKS = ["generation", "translation", "synthesis"];
const STATES = { AVAILABLE: "ready", LOADING: "loading", START: "waiting", UNLOADING: "unloading" };

const sections = Object.fromEntries(TASKS.map((task) => [task, document.getElementById(task)]));
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
  for (const task of TASKS) {
    const able = found
      .map(({ name, versions }) => ({
        name,
        versions: versions.filter((version) => version.state === "AVAILABLE" && version.task === task),
      }))
      .filter(({ versions }) => versions.length);
    fillChoice(sections[task], able);
    document.querySelector(`nav a[href="#${task}"]`).hidden = sections[task].hidden;
    if (task === "synthesis") voices = settings(able);
  }
  document.querySelector("#models tbody").replaceChildren(...found.flatMap(rows));
  document.getElementById("models").hidden = false;
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
