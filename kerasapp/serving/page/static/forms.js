// What the forms share: models to choose from, settings, keys, a stop button, errors in words.

/**
 * Has a form call `work(model, inputs, signal)` when it is sent; one piece of work at a time.
 *
 * inputs: name -> value of all fields but the model; numbers as numbers.
 * status(text) tells in the section's status line how things are.
 */
export function wire(section, { enterSends, work }) {
  const form = section.querySelector("form");
  const stop = form.querySelector(".stop");
  const error = section.querySelector(":scope > .error");
  const status = section.querySelector(":scope > .status");
  let running = null;

  async function start() {
    running?.abort();
    error.hidden = true;
    const wrong = firstWrong(form);
    if (wrong) return tell(wrong);
    const controller = (running = new AbortController());
    busy(true);
    try {
      const { model, ...inputs } = values(form);
      status.textContent = await work(model, inputs, controller.signal, (text) => (status.textContent = text));
    } catch (problem) {
      if (controller.signal.aborted) {
        if (running === controller) status.textContent = "Stopped.";
      } else {
        status.textContent = "";
        tell(problem.message);
      }
    }
    if (running === controller) busy(false);
  }

  function busy(is) {
    if (!is) running = null;
    // Not `disabled`, which would take the focus away from who has just pressed it.
    stop.setAttribute("aria-disabled", String(!is));
    section.setAttribute("aria-busy", String(is));
  }

  function tell(message) {
    error.textContent = message;
    error.hidden = false;
    error.scrollIntoView({ block: "nearest" });
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start();
  });
  stop.addEventListener("click", () => running?.abort());
  section.addEventListener("keydown", (event) => {
    if (event.key === "Escape") running?.abort();
    // An input method takes Enter to end a word, as for Chinese.
    if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
    const inText = event.target instanceof HTMLTextAreaElement;
    if (inText && (event.ctrlKey || event.metaKey || (enterSends && !event.shiftKey))) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}

/** The message of the first field that is wrong, which gets the focus; "" where all are right. */
function firstWrong(form) {
  let message = "";
  for (const field of form.querySelectorAll("input, textarea")) {
    const other = field.dataset.atMost && form.elements[field.dataset.atMost];
    const above = other && field.valueAsNumber > other.valueAsNumber;
    field.setCustomValidity(above ? `It is above ${inWords(other.name).toLowerCase()}, ${other.value}.` : "");
    const wrong = !field.checkValidity();
    field.setAttribute("aria-invalid", String(wrong));
    if (wrong && !message) {
      const details = field.closest("details");
      if (details) details.open = true;
      field.focus();
      message = `${field.labels[0].textContent}: ${field.validationMessage}`;
    }
  }
  return message;
}

/**
 * Builds the fields of a form's settings from the task's description; what was typed stays.
 *
 * knobs: [{name, type, default, least, most, at_most, help}].
 */
export function fillKnobs(section, knobs) {
  const place = section.querySelector(".knobs");
  const wanted = JSON.stringify(knobs);
  if (place.dataset.knobs === wanted) return;
  place.dataset.knobs = wanted;
  const before = new Map([...place.querySelectorAll("input")].map((input) => [input.name, input.value]));
  place.replaceChildren(...knobs.map((knob) => field(section.id, knob, before.get(knob.name))));
  section.querySelector("details").hidden = !knobs.length;
}

function field(prefix, knob, value) {
  const input = document.createElement("input");
  input.id = `${prefix}-${knob.name.replaceAll("_", "-")}`;
  input.name = knob.name;
  input.autocomplete = "off";
  if (knob.type === "string") {
    input.type = "text";
    input.spellcheck = false;
  } else {
    input.type = "number";
    input.required = true;
    input.step = knob.type === "int32" ? "1" : "any";
    if (knob.least !== undefined) [input.min, input.max] = [knob.least, knob.most];
    if (knob.at_most) input.dataset.atMost = knob.at_most;
  }
  input.value = value ?? knob.default;
  const label = document.createElement("label");
  label.htmlFor = input.id;
  label.textContent = inWords(knob.name);
  const hint = document.createElement("span");
  hint.id = `${input.id}-hint`;
  hint.className = "hint";
  hint.textContent = knob.help;
  input.setAttribute("aria-describedby", hint.id);
  const made = document.createElement("div");
  made.className = "field";
  made.append(label, input, hint);
  return made;
}

/** The name of an input as a person reads it. */
export function inWords(name) {
  return name.charAt(0).toUpperCase() + name.slice(1).replaceAll("_", " ");
}

function values(form) {
  const found = {};
  for (const field of form.elements) {
    if (field.name) found[field.name] = field.type === "number" ? field.valueAsNumber : field.value;
  }
  return found;
}

/** Fills the choice of models of a task; what was chosen stays chosen. */
export function fillChoice(section, models) {
  const select = section.querySelector("select");
  const chosen = select.value;
  const options = models.flatMap(({ name, versions }) =>
    versions.map(({ version }, place) => {
      const path = encodeURIComponent(name);
      // The newest without its number, so that a version that comes later takes over.
      return place ? new Option(`${name}, version ${version}`, `${path}/versions/${version}`) : new Option(name, path);
    }),
  );
  select.replaceChildren(...options);
  if (options.some((option) => option.value === chosen)) select.value = chosen;
  section.querySelector(".model-field").hidden = options.length < 2;
  section.hidden = !options.length;
}
