// The report of sentences that were translated.

import { heatMap, lookedAt } from "./attention.js";

run(async (found) => {
  const $ = (id) => document.getElementById(id);
  const looks = found.model.attention !== "none";
  $("attention").hidden = !looks;
  linkPlaces();
  if (!looks) document.querySelector("#places").hidden = true;
  const name = { lstm: "LSTM", gru: "GRU" }[found.model.cell];
  $("about").textContent = looks
    ? `What an ${name} decoder of ${found.model.units} units with ${found.model.attention.replaceAll("_", " ")} attention looked at as it wrote.`
    : `Written by an ${name} decoder of ${found.model.units} units without attention.`;
  const choice = $("sentences");
  const title = ({ source }) => source.slice(0, -1).join("").replaceAll("▁", " ").trim();
  choice.append(...found.sentences.map((sentence, i) => new Option(`${i + 1}. ${title(sentence)}`, i)));
  $("sentences-field").hidden = found.sentences.length < 2;
  choice.addEventListener("input", () => show(found.sentences[choice.value]));
  for (const id of ["source", "target"]) $(id).addEventListener("keydown", step);
  show(found.sentences[0]);

  function show(sentence) {
    const { source, target, alignment } = sentence;
    const sources = buttons("source", source, (i) => look(sentence, "source", i));
    const targets = buttons("target", target, (i) => look(sentence, "target", i));
    targets.forEach((button, j) => {
      const doubt = 1 - sentence.probabilities[j];
      button.style.boxShadow = `inset 0 -4px 0 rgba(var(--warm), ${doubt.toFixed(2)})`;
    });
    const cut = sentence.finished ? "" : " It was cut: it had the greatest length and did not end.";
    $("whole").textContent = `“${sentence.text}”, score ${fixed(sentence.score)}.${cut}`;
    $("others").replaceChildren(...sentence.others.map(([text, score]) => make("li", {}, `${text} (score ${fixed(score)})`)));
    const view = document.querySelector("#attention .scroll");
    if (looks) {
      view.replaceChildren(heatMap(source, target, alignment, view.clientWidth));
      document.querySelector("#attention .words").replaceChildren(lookedAt(source, target, alignment));
    }
    sources.concat(targets).forEach((button) => button.setAttribute("tabindex", "-1"));
    sources[0].setAttribute("tabindex", "0");
    targets[0].setAttribute("tabindex", "0");
    look(sentence, "target", 0);
  }

  function buttons(id, tokens, told) {
    const made = tokens.map((token, i) => {
      const button = make("button", { type: "button" }, named(token));
      for (const event of ["pointerenter", "focus", "click"]) button.addEventListener(event, () => told(i));
      return button;
    });
    $(id).replaceChildren(...made);
    return made;
  }

  /** Shows what a token of the translation looked at, or what looked at one of the sentence. */
  function look(sentence, side, place) {
    const { source, target, alignment } = sentence;
    const weights = side === "target" ? alignment[place] : alignment.map((row) => row[place]);
    const [own, other] = side === "target" ? ["target", "source"] : ["source", "target"];
    [...$(own).children].forEach((button, i) => {
      button.classList.toggle("here", i === place);
      button.style.backgroundColor = "";
    });
    [...$(other).children].forEach((button, i) => {
      button.classList.remove("here");
      button.style.backgroundColor = looks && weights[i] >= 0.005 ? `rgba(var(--cell), ${(0.75 * weights[i]).toFixed(3)})` : "";
    });
    const tokens = side === "target" ? source : target;
    const order = weights.map((weight, i) => i).sort((one, two) => weights[two] - weights[one]);
    const most = order.slice(0, 3).filter((i) => weights[i] >= 0.05);
    const seen = most.map((i) => `${named(tokens[i])} ${percent(weights[i])}`).join(", ") || "nothing in particular";
    const facts = [[side === "target" ? "Token" : "Token of the sentence", named(sentence[side][place])]];
    if (side === "target") {
      const share = sentence.probabilities[place];
      facts.push(["Probability", percent(share)], ["Surprise", `${fixed(Math.max(0, -Math.log2(Math.max(share, 1e-4))))} bits${share < 1e-4 ? " or more" : ""}`]);
    }
    if (looks) facts.push([side === "target" ? "Looked at" : "Looked at by", seen]);
    const alternatives = side === "target" ? sentence.alternatives[place].map(([token, share]) => ({ token, share })) : [];
    $("place").replaceChildren(factsList(facts), alternativesList(alternatives, sentence[side][place]));
  }

  /** The arrow keys go from token to token; Tab goes from row to row. */
  function step(event) {
    const ways = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in ways)) return;
    event.preventDefault();
    const all = [...event.currentTarget.children];
    const at = Math.min(Math.max(all.indexOf(document.activeElement) + ways[event.key], 0), all.length - 1);
    all.forEach((button, i) => button.setAttribute("tabindex", i === at ? "0" : "-1"));
    all[at].focus();
  }
});
