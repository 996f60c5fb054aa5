// What the reports share: elements, numbers in words, the alternatives at a place.

export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const NAMES = { "\n": "line break", " ": "space", "\t": "tab", "\r": "carriage return", "\u3000": "wide space", "</s>": "end" };

/** A token by its name, where it is not seen by itself. */
export function named(token) {
  return NAMES[token] || (token.trim() ? token.replaceAll("▁", "\u00a0").replaceAll(" ", "\u00a0") : "space");
}

export function percent(share) {
  if (share >= 0.9995) return "100%";
  if (share >= 0.0995) return `${(100 * share).toFixed(0)}%`;
  return share >= 0.0005 ? `${(100 * share).toFixed(1)}%` : "< 0.1%";
}

export function fixed(value, digits = 2) {
  return value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "−");
}

/** Terms and what is said of each; facts: list of [term, value]. */
export function factsList(facts) {
  return make("dl", {}, ...facts.flatMap(([term, value]) => [make("dt", {}, term), make("dd", {}, value)]));
}

/**
 * A list of what might have stood at a place, each with a bar.
 *
 * alternatives: [{token, share}], the likeliest first; chosen: the token that stands there; label: of the list.
 */
export function alternativesList(alternatives, chosen, label = "The likeliest at this place") {
  return make(
    "ol",
    { class: "alternatives", "aria-label": label },
    ...alternatives.map(({ token, share }) => {
      const bar = make("span", { class: "share", "aria-hidden": "true" });
      bar.style.width = `${Math.max(100 * share, 0.5)}%`;
      const name = make("span", { class: "token" }, named(token));
      return make("li", { class: token === chosen ? "chosen" : "" }, name, make("span", { class: "track" }, bar), percent(share));
    }),
  );
}

/** Fills the links to the sections. */
export function linkPlaces() {
  const sections = [...document.querySelectorAll("main section[aria-labelledby]")];
  document.getElementById("places").replaceChildren(
    ...sections.map((section) => make("a", { href: `#${section.id}` }, section.querySelector("h2").textContent)),
  );
}
