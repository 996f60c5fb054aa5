// The report of sentences that were read aloud.

import { drawSpeech } from "./speech.js";

run(async (found) => {
  const $ = (id) => document.getElementById(id);
  const section = $("speech");
  const range = $("step");
  const view = {};
  document.getElementById("places").hidden = true; // there is one section
  const stop = lineChart($("stop").appendChild(make("figure", { class: "chart" })), "Probability of the end", (step) => go(step));
  const choice = $("sentences");
  choice.append(...found.sentences.map(({ text }, i) => new Option(`${i + 1}. ${text}`, i)));
  $("sentences-field").hidden = found.sentences.length < 2;
  choice.addEventListener("input", () => show(found.sentences[choice.value]));
  range.addEventListener("input", () => go(range.valueAsNumber));
  for (const plot of section.querySelectorAll(".plot")) {
    plot.addEventListener("pointermove", (event) => look(stepAt(plot, event)));
    plot.addEventListener("pointerleave", () => look(range.valueAsNumber));
    plot.addEventListener("click", (event) => go(stepAt(plot, event)));
  }
  new ResizeObserver(() => view.sentence && look(view.step)).observe(section);
  await show(found.sentences[0]);

  async function show(sentence) {
    const [levels, weights] = await Promise.all([unpack(sentence.mel), unpack(sentence.alignment)]);
    const [frames, bands] = sentence.mel.shape;
    const [steps, characters] = sentence.alignment.shape;
    const room = sentence.greatest - sentence.least;
    const mel = rows(levels, frames, bands, (level) => sentence.least + (room * level) / 255);
    const alignment = rows(weights, steps, characters, (weight) => weight / 255);
    Object.assign(view, { sentence, mel, alignment, step: 0 });
    drawSpeech(section, { ...sentence, mel, alignment, frames, steps }, found.audio);
    $("sound").hidden = !sentence.sound;
    for (const [element, attribute] of [["audio", "src"], ["a", "href"]]) {
      $("sound").querySelector(element)[attribute] = `data:audio/wav;base64,${sentence.sound}`;
    }
    $("letters").replaceChildren(...sentence.tokens.map(letter));
    range.max = steps - 1;
    stop.show([{ name: "probability of the end", values: sentence.stop, colour: "--accent" }], [0, 1]);
    about(sentence);
    go(0);
  }

  function about({ text, seconds, stop_reason, coverage, aligned, left_out }) {
    const ended = stop_reason === "stop_token" ? "it ended by itself" : "it was cut at its greatest length";
    const order = aligned ? "from the first to the last, in order" : "not all in order: words may be missing or repeated";
    const lost = left_out ? ` The voice does not know ${left_out} of the characters.` : "";
    const more = found.left_out ? ` There was no room for ${found.left_out} more sentences.` : "";
    $("about").textContent = `“${text}”: ${fixed(seconds)} s of speech; ${ended}. It looked at ${percent(coverage)} of the characters, ${order}.${lost}${more}`;
  }

  function letter(token, i) {
    const button = make("button", { type: "button" }, token === " " ? "␣" : named(token));
    const step = () => most(view.alignment.map((row) => row[i]));
    button.setAttribute("aria-label", named(token));
    button.addEventListener("pointerenter", ({ pointerType }) => pointerType === "mouse" && look(step()));
    button.addEventListener("pointerleave", () => look(range.valueAsNumber));
    for (const event of ["focus", "click"]) button.addEventListener(event, () => go(step()));
    return button;
  }

  function go(step) {
    range.value = step;
    stop.mark(step);
    look(step);
  }

  /** Shows what the decoder did in a step. */
  function look(step) {
    view.step = step;
    const { sentence, mel, alignment } = view;
    const weights = alignment[step];
    const middle = ((step + 0.5) / alignment.length) * sentence.seconds;
    [...$("letters").children].forEach((button, i) => {
      button.style.backgroundColor = weights[i] >= 0.01 ? `rgba(var(--cell), ${(0.75 * weights[i]).toFixed(3)})` : "";
    });
    for (const plot of section.querySelectorAll(".plot")) {
      const cross = plot.querySelector(".cross");
      cross.style.left = `${LABELS + (plot.clientWidth - LABELS - RIGHT) * ((step + 0.5) / alignment.length)}px`;
      const top = plot.parentNode.className === "spectrogram" ? ABOVE : 0;
      cross.style.top = `${top}px`;
      cross.style.height = `${plot.querySelector("canvas").clientHeight - AXIS - top}px`;
    }
    const frame = mel[Math.min(Math.floor(((step + 0.5) / alignment.length) * mel.length), mel.length - 1)];
    const facts = [
      ["Step", `${step + 1} of ${alignment.length}, ${fixed(middle)} s`],
      ["Probability of the end", percent(sentence.stop[step])],
      ["Loudest near", `${Math.round(frequency(most(frame), frame.length)).toLocaleString("en")} Hz`],
    ];
    const looked = weights
      .map((share, i) => ({ token: `${i + 1}: ${named(sentence.tokens[i])}`, share }))
      .sort((one, other) => other.share - one.share)
      .slice(0, 5);
    range.setAttribute("aria-valuetext", `${fixed(middle)} seconds: looks at ${looked[0].token}, ${percent(looked[0].share)}; end ${percent(sentence.stop[step])}`);
    $("place").replaceChildren(factsList(facts), alternativesList(looked, looked[0].token, "The characters looked at most"));
  }

  function stepAt(plot, event) {
    const share = (event.clientX - plot.getBoundingClientRect().left - LABELS) / (plot.clientWidth - LABELS - RIGHT);
    return Math.min(Math.max(Math.floor(share * view.alignment.length), 0), view.alignment.length - 1);
  }

  /** The middle of a band, which divide the HTK mel scale evenly. */
  function frequency(band, bands) {
    const [low, high] = [found.audio.f_min, found.audio.f_max].map((hertz) => Math.log1p(hertz / 700));
    return 700 * Math.expm1(low + ((high - low) * (band + 1)) / (bands + 1));
  }

  function rows(values, count, width, of) {
    return Array.from({ length: count }, (_, i) => Array.from(values.subarray(i * width, (i + 1) * width), of));
  }

  function most(values) {
    return values.indexOf(Math.max(...values));
  }
});
