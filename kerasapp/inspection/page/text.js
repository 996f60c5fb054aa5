// The text, a span for each token, coloured; a place in it that the pointer and the keys move.

/**
 * Fills the reader. told(place): called as the place changes, with how: "hover", "key" or "click".
 *
 * Gives {paint(shade), hold(values), go(place, how)}; a shade is function (place) -> from -1 to 1.
 */
export function readerOf(tokens, bits, told) {
  const reader = document.getElementById("reader");
  const spans = tokens.map((token, i) => {
    const span = document.createElement("span");
    span.textContent = token;
    span.place = i;
    if (token === "\n") span.className = "break";
    if (token === "\r") span.className = "return";
    return span;
  });
  reader.replaceChildren(...spans);
  let fixedPlace = 0;
  let shown = 0;

  function show(place, how) {
    spans[shown].classList.remove("here");
    shown = place;
    spans[shown].classList.add("here");
    told(place, how);
  }

  function go(place, how) {
    fixedPlace = Math.min(Math.max(place, 0), spans.length - 1);
    show(fixedPlace, how);
    if (how !== "click") inSight(reader, spans[fixedPlace]);
  }

  reader.addEventListener("pointerover", ({ target, pointerType }) => {
    if (target.place !== undefined && pointerType === "mouse") show(target.place, "hover");
  });
  reader.addEventListener("pointerleave", () => shown !== fixedPlace && show(fixedPlace, "hover"));
  reader.addEventListener("click", ({ target }) => target.place !== undefined && go(target.place, "click"));
  reader.addEventListener("keydown", (event) => {
    const place = destination(event, fixedPlace, spans, bits);
    if (place === null) return;
    event.preventDefault();
    go(place, "key");
  });
  return {
    go,
    paint(shade) {
      spans.forEach((span, i) => (span.style.backgroundColor = shadeColour(shade(i))));
    },
    hold(values) {
      spans.forEach((span, i) => span.classList.toggle("holds", values !== null && values[i] > 0));
    },
  };
}

function inSight(reader, span) {
  const top = span.offsetTop;
  const bottom = top + span.offsetHeight;
  if (top < reader.scrollTop + 12) reader.scrollTop = top - 24;
  else if (bottom > reader.scrollTop + reader.clientHeight - 12) reader.scrollTop = bottom - reader.clientHeight + 24;
}

function destination(event, place, spans, bits) {
  const word = event.ctrlKey || event.altKey;
  if (event.metaKey || (word && !["ArrowLeft", "ArrowRight"].includes(event.key))) return null;
  switch (event.key) {
    case "ArrowLeft":
      return word ? wordFrom(place, -1, spans) : place - 1;
    case "ArrowRight":
      return word ? wordFrom(place, 1, spans) : place + 1;
    case "ArrowUp":
      return lineFrom(place, -1, spans);
    case "ArrowDown":
      return lineFrom(place, 1, spans);
    case "Home":
      return 0;
    case "End":
      return spans.length - 1;
    case "n":
    case "N":
      return surprise(place, bits);
    default:
      return null;
  }
}

function wordFrom(place, step, spans) {
  const letter = (at) => /[\p{L}\p{N}]/u.test(spans[at]?.textContent || "");
  let at = place + step;
  while (spans[at] && !(letter(at) && !letter(at - 1))) at += step;
  return at;
}

/** The place above or below on the screen. */
function lineFrom(place, step, spans) {
  const { offsetTop, offsetLeft } = spans[place];
  let at = place;
  while (spans[at] && spans[at].offsetTop === offsetTop) at += step;
  if (!spans[at]) return place;
  const line = spans[at].offsetTop;
  let best = at;
  for (; spans[at] && spans[at].offsetTop === line; at += step) {
    if (Math.abs(spans[at].offsetLeft - offsetLeft) < Math.abs(spans[best].offsetLeft - offsetLeft)) best = at;
  }
  return best;
}

const SURPRISE = 5; // bits: what had a probability of 3%

function surprise(place, bits) {
  const next = bits.findIndex((value, i) => i > place && value >= SURPRISE);
  return next < 0 ? place : next;
}
