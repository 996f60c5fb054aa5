// Where the numbers of an axis stand, and how they are written.

/** Even numbers from low to high, at most `count`, with the digits that tell them apart: list of {value, text}. */
export function evenTicks(low, high, count) {
  const step = evenStep((high - low) / Math.max(count - 1, 1));
  const digits = Math.min(Math.max(0, -Math.floor(Math.log10(step) + 1e-9)), 20);
  const most = Math.max(Math.abs(low), Math.abs(high));
  const thousands = 1000 ** Math.floor(Math.log10(most) / 3 + 1e-9);
  const short = most >= 1e5 && step >= thousands / 100; // 3.5M
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    ticks.push({ value: i * step, text: short ? compact.format(i * step).replace("-", "−") : grouped(i * step, digits) });
  }
  return ticks;
}

const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 2 });

/** The least of 1, 2 and 5 times a power of ten that is not below a number above 0. */
function evenStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => step >= least * (1 - 1e-9));
}

/** A number with a true minus sign and commas between thousands. */
export function grouped(value, digits) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString("en", options).replace(/^-(?=[0.,]*$)/, "").replace("-", "−");
}

/** Functions that write numbers of a range: `write` to about a thousandth of it, `exact` a digit more finely. */
export function writersFor(least, greatest) {
  const room = Math.max(greatest - least, 1e-9 * Math.abs(greatest)) || 1;
  const digits = Math.min(3 - Math.floor(Math.log10(room)), 19);
  const unit = 10 ** -digits;
  return {
    write: (value) => (digits > 0 ? grouped(value, digits) : grouped(Math.round(value / unit) * unit, 0)),
    exact: (value) => value.toLocaleString("en", { maximumFractionDigits: Math.max(digits, 0) + 1 }).replace("-", "−"),
  };
}

// The fields of a date in ISO 8601: where they begin and end, their first value, what ticks may be apart, and their names.
const FIELDS = [
  { end: 4, begin: 0, least: 0, apart: [1000, 500, 200, 100, 50, 20, 10, 5, 2, 1], name: (date) => date.slice(0, 4) },
  { end: 7, begin: 5, least: 1, apart: [6, 3, 1], name: (date) => date.slice(0, 7) },
  { end: 10, begin: 8, least: 1, apart: [10, 5, 2, 1], name: (date) => date.slice(0, 10) },
  { end: 13, begin: 11, least: 0, apart: [12, 6, 3, 1], name: (date) => `${date.slice(5, 10)} ${date.slice(11, 13)}:00` },
  { end: 16, begin: 14, least: 0, apart: [30, 10, 5, 1], name: (date) => `${date.slice(5, 10)} ${date.slice(11, 16)}` },
  { end: 19, begin: 17, least: 0, apart: [30, 10, 5, 1], name: (date) => date.slice(11, 19) },
];
const LETTER = 6.6; // pixels, about
const BETWEEN = 18; // pixels between two names

/**
 * Names for some of the steps from..to: list of {place, text}, with the first step at place 0.
 *
 * dates: all of them in ISO 8601, evenly written, or null. first: the number of step 0. width: in pixels.
 */
export function stepTicks(dates, first, from, to, width) {
  if (!dates) return numberTicks(first, from, to, width);
  let best = [];
  for (const field of FIELDS) {
    if (dates[0].length < field.end || !/^\d{4}/.test(dates[0])) break;
    const most = width / (field.name(dates[0]).length * LETTER + BETWEEN);
    for (const apart of field.apart) {
      const found = fieldTicks(dates, from, to, field, apart, most);
      if (found.length > most) return best.length > 1 ? best : evenDates(dates, from, to, width);
      if (found.length > best.length) best = found;
    }
  }
  return best.length > 1 ? best : evenDates(dates, from, to, width);
}

/** A tick where a field of the date, or one before it, begins anew; one more than `most` are enough. */
function fieldTicks(dates, from, to, { begin, end, least, name }, apart, most) {
  const key = (date) => date.slice(0, begin) + Math.floor((Number(date.slice(begin, end)) - least) / apart);
  const crowded = (date) => end === 10 && apart > 1 && Number(date.slice(8, 10)) > 31 - apart; // the next month is near
  const found = [];
  for (let i = Math.max(from, 1); i < to && found.length <= most; i++) {
    if (key(dates[i]) !== key(dates[i - 1]) && !crowded(dates[i])) found.push({ place: i - from, text: name(dates[i]) });
  }
  return found;
}

/** A date as people read it. */
export function dateName(date) {
  return date.replace("T", " ");
}

function evenDates(dates, from, to, width) {
  const most = Math.max(1, Math.floor(width / (dates[from].length * LETTER + BETWEEN)));
  const every = Math.max(1, Math.ceil((to - from) / most));
  const places = Array.from({ length: Math.ceil((to - from) / every) }, (_, i) => i * every);
  return places.map((place) => ({ place, text: dateName(dates[from + place]) }));
}

function numberTicks(first, from, to, width) {
  const most = Math.max(2, width / (String(first + to).length * 1.3 * LETTER + BETWEEN));
  const ticks = evenTicks(first + from, first + to - 1, Math.min(most, to - from));
  return ticks.filter(({ value }) => Number.isInteger(value)).map(({ value, text }) => ({ place: value - first - from, text }));
}
