// The three tasks: what each asks the server, and how its answer is shown.

import { heatMap, lookedAt } from "./attention.js";
import { predict, stream } from "./requests.js";
import { drawSpeech } from "./speech.js";

const WHY = {
  length: "It ended at the length asked for.",
  stop: "It ended before the text to stop at.",
  end: "It is complete.",
};

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

function count(n, noun) {
  return `${number.format(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** Streams a text behind its prompt. */
export async function write(section, model, inputs, signal, tell) {
  const [prompt, written] = section.querySelectorAll(".prompt, .written");
  const text = section.querySelector(".text");
  section.querySelector(".answer").hidden = false;
  prompt.textContent = inputs.prompt;
  written.textContent = "";
  written.classList.add("writing");
  text.setAttribute("aria-busy", "true"); // read out when it is whole, not token by token
  const start = performance.now();
  let coming = ""; // what has come since the last picture
  let tokens = 0;
  let picture = 0;

  function draw() {
    picture = 0;
    const atEnd = text.scrollTop + text.clientHeight > text.scrollHeight - 8;
    written.append(coming);
    coming = "";
    if (atEnd) text.scrollTop = text.scrollHeight;
    tell(`Writing: ${count(tokens, "token")} …`);
  }

  try {
    for await (const event of stream(model, inputs, signal)) {
      if (event.stop_reason === undefined) {
        coming += event.text;
        tokens = event.tokens;
        picture ||= requestAnimationFrame(draw); // one layout per picture, not per token
      } else {
        const seconds = (performance.now() - start) / 1000;
        const next = section.querySelector("#generation-next").checked;
        if (next) section.querySelector("#generation-seed").value = inputs.seed < 2147483647 ? inputs.seed + 1 : 0;
        const made = `${count(event.tokens, "token")} in ${seconds.toFixed(1)} s with seed ${inputs.seed}.`;
        return `${made} ${WHY[event.stop_reason]}`;
      }
    }
    throw new Error("The connection to the server broke off.");
  } finally {
    cancelAnimationFrame(picture);
    written.append(coming);
    written.classList.remove("writing");
    text.setAttribute("aria-busy", "false");
  }
}

/** Translates a sentence and draws its attention. */
export async function translate(section, model, inputs, signal, tell) {
  tell("Translating …");
  const found = await predict(model, "translate", inputs, signal);
  section.querySelector(".answer").hidden = false;
  section.querySelector(".text").textContent = found.translation;
  const others = section.querySelector(".others");
  others.hidden = found.count < 2;
  others.start = 2;
  others.replaceChildren(
    ...found.translations.slice(1, found.count).map((text, place) => {
      const item = document.createElement("li");
      item.textContent = `${text} (score ${number.format(found.scores[place + 1])})`;
      return item;
    }),
  );
  const figure = section.querySelector("figure");
  const sources = found.source_tokens.filter((token) => token !== "");
  const targets = found.target_tokens.filter((token) => token !== "");
  figure.hidden = !targets.length;
  const view = figure.querySelector(".scroll");
  view.replaceChildren(heatMap(sources, targets, found.alignment, view.clientWidth));
  figure.querySelector(".words").replaceChildren(lookedAt(sources, targets, found.alignment));
  const cut = found.finished ? "" : " It was cut: it had the greatest length and did not end.";
  return targets.length ? `Score ${number.format(found.score)}.${cut}` : "There is nothing to translate.";
}

let sound = null; // the address of the sound in memory

/** Speaks a text and draws what the voice did. */
export async function speak(section, model, inputs, signal, tell, audio) {
  tell("Speaking …");
  const found = await predict(model, "synthesize", inputs, signal);
  if (sound) URL.revokeObjectURL(sound);
  const bytes = Uint8Array.from(atob(found.audio_bytes.b64), (character) => character.charCodeAt(0));
  sound = URL.createObjectURL(new Blob([bytes], { type: "audio/wav" }));
  const player = section.querySelector("audio");
  player.src = sound;
  section.querySelector(".download").href = sound;
  section.querySelector(".answer").hidden = false; // before drawing, which needs the width
  drawSpeech(section, found, audio);
  player.play().catch(() => {}); // a browser may want a click on the player first
  const ended = found.stop_reason === "stop_token" ? "ended by itself" : "cut at the greatest length";
  const covered = `it looked at ${number.format(100 * found.coverage)}% of the characters`;
  const left = found.left_out ? ` ${count(found.left_out, "character")} left out that the voice does not know.` : "";
  return `${number.format(found.seconds)} s, ${ended}; ${covered}.${left}`;
}
