// Text generation, as in kerasapp_lite/generation.py: LiteRT.js runs the same files.

import { Tensor, loadAndCompile, loadLiteRt } from "@litertjs/core";

const FORMAT = 1;
const PREFERRED = ["float32", "float16", "dynamic", "int8"]; // by default the first that the bundle has
const RUNTIME = "node_modules/@litertjs/core/wasm/"; // of this host
const [UNKNOWN, END] = [1, 3];

/** Opens a bundle and gives its `Generator`. Throws an Error of one line for a folder that is none, or damaged. */
export async function open(folder, precision = null) {
  const metadata = await read(`${folder}/metadata.json`, (answer) => answer.json());
  if (metadata.format !== FORMAT) throw new Error(`${folder}: has format ${metadata.format}, not ${FORMAT}`);
  if (metadata.task !== "generation") throw new Error(`${folder}: is a bundle of ${metadata.task}`);
  const file = metadata.precisions[precision ?? PREFERRED.find((name) => name in metadata.precisions)];
  if (!file) throw new Error(`${folder}: has no ${precision}`);
  const entry = metadata.vocabularies.vocabulary;
  const vocabulary = JSON.parse(new TextDecoder().decode(await bytesOf(folder, entry)));
  if (!vocabulary.characters) throw new Error(`${folder}: its tokens are no characters; this page knows no others`);
  const content = await bytesOf(folder, file);
  await (open.runtime ??= loadLiteRt(RUNTIME));
  const model = await loadAndCompile(content, { accelerator: "wasm" });
  return new Generator(model, metadata, vocabulary.characters, entry.normalisation);
}

export class Generator {
  constructor(model, metadata, characters, form) {
    [this.model, this.metadata, this.characters, this.form] = [model, metadata, characters, form];
    this.ids = new Map(characters.map((character, i) => [character, 4 + i]));
    this.knobs = knobsOf(metadata);
  }

  /** The ids of a text, by code points. */
  encode(text) {
    return Array.from(this.#normalised(text), (character) => this.ids.get(character) ?? UNKNOWN);
  }

  /** Yields the text after `prompt`. `given`: some of `knobs` by name; the others have the bundle's defaults. */
  async *stream(prompt, given = {}) {
    const knobs = filled(this.knobs, given);
    const stop = this.#normalised(knobs.stop);
    let held = ""; // it may be the beginning of `stop`
    for await (const character of this.#characters(prompt, knobs)) {
      held += character;
      if (stop && held.includes(stop)) {
        held = held.slice(0, held.indexOf(stop));
        break;
      }
      const safe = held.length - possibleStart(held, stop);
      if (safe) yield held.slice(0, safe);
      held = held.slice(safe);
    }
    if (held) yield held;
  }

  #normalised(text) {
    return this.form === "none" ? text : text.normalize(this.form);
  }

  /** Yields the characters of all tokens after `prompt`. */
  async *#characters(prompt, { length, temperature, top_k, top_p, seed }) {
    let found = await this.#prefill([this.ids.get("\n") ?? 4, ...this.encode(prompt)]);
    try {
      for (let position = 0; position < length; position++) {
        const logits = found.logits.toTypedArray();
        const token = choose(logits, uniform(seed, position), temperature, top_k, top_p);
        yield this.characters[token - 4];
        if (position + 1 < length) {
          found = await this.#run("step", { ids: new Tensor(Int32Array.of(token), [1]) }, found);
        }
      }
    } finally {
      remove(found); // also if the reader stops early
    }
  }

  /** Reads a prompt in chunks: the logits after it, and the states. */
  async #prefill(ids) {
    const room = this.metadata.signatures.prefill.inputs.ids.shape[1];
    let found = {};
    for (const name of this.metadata.states) {
      const { shape } = this.metadata.signatures.prefill.inputs[name];
      found[name] = new Tensor(new Float32Array(shape.reduce((a, b) => a * b)), shape);
    }
    for (let start = 0; start < ids.length; start += room) {
      const part = ids.slice(start, start + room);
      const chunk = new Int32Array(room);
      chunk.set(part);
      const own = { ids: new Tensor(chunk, [1, room]), length: new Tensor(Int32Array.of(part.length), [1]) };
      found = await this.#run("prefill", own, found);
    }
    return found;
  }

  /** One call of a signature with the states of the call before, whose tensors are freed. */
  async #run(signature, own, { logits, ...states }) {
    const found = await this.model.run(signature, { ...own, ...states });
    remove({ ...own, ...states, ...(logits && { logits }) }); // LiteRT.js frees no memory by itself
    return found;
  }
}

/** The knobs of a bundle; one of an older kerasapp has only their defaults. */
function knobsOf({ knobs, defaults = {} }) {
  const type = (value) => (typeof value === "string" ? "string" : undefined);
  return knobs ?? Object.entries(defaults).map(([name, value]) => ({ name, type: type(value), default: value }));
}

/** The number of characters at the end of `text` that may be the beginning of `stop`. */
function possibleStart(text, stop) {
  let count = Math.min(stop.length - 1, text.length);
  while (count > 0 && !text.endsWith(stop.slice(0, count))) count -= 1;
  return Math.max(count, 0);
}

/** The value of each knob, the given one or its default. Throws an Error for one that is unknown or out of range. */
function filled(knobs, given) {
  const names = knobs.map(({ name }) => name);
  const unknown = Object.keys(given).filter((name) => !names.includes(name));
  if (unknown.length) throw new Error(`unknown: ${unknown.join(", ")}; there are ${names.join(", ")}`);
  return Object.fromEntries(knobs.map((knob) => [knob.name, checked(knob, given[knob.name] ?? knob.default)]));
}

function checked({ name, type, least = -Infinity, most = Infinity }, value) {
  if (type === "string") return String(value);
  if (value >= least && value <= most && (type !== "int32" || Number.isInteger(value))) return value;
  throw new Error(`${name}: ${value} is not ${type === "int32" ? "a whole number" : "a number"} from ${least} to ${most}`);
}

/** The likeliest token of logits, or one drawn: `noise` is the position in the cumulative distribution. */
export function choose(logits, noise, temperature, topK = 0, topP = 1) {
  logits.fill(-Infinity, 0, END + 1); // padding, unknown, start and end are no text
  const most = logits.reduce((a, b) => Math.max(a, b));
  if (temperature <= 0) return logits.indexOf(most);
  const sharpness = Math.fround(1 / Math.max(Math.fround(temperature), Math.fround(1e-6)));
  // Rounded to 32 bits wherever the other runtimes round, so that all draw the same.
  const weights = logits.map((logit) => Math.exp(Math.fround(Math.fround(logit - most) * sharpness)));
  const least = leastKept(weights, topK, topP);
  const cumulative = sums(weights.map((weight) => (weight >= least ? weight : 0)));
  const place = Math.fround(noise * cumulative[cumulative.length - 1]);
  return cumulative.findIndex((upTo) => upTo > place);
}

/** The least weight that `topK` and `topP` keep; equal weights are kept or dropped together. */
function leastKept(weights, topK, topP) {
  let ordered = weights.slice().sort().reverse();
  if (topK > 0) ordered = ordered.slice(0, topK);
  if (topP >= 1) return ordered[ordered.length - 1];
  const upTo = sums(ordered);
  const limit = Math.fround(Math.fround(topP) * upTo[upTo.length - 1]);
  const outside = ordered.findIndex((weight, i) => i > 0 && Math.fround(upTo[i] - weight) >= limit);
  return ordered[(outside < 0 ? ordered.length : outside) - 1];
}

/** The sums of the first 1, 2, ... numbers, in 32 bits. */
function sums(numbers) {
  let sum = 0;
  return numbers.map((number) => (sum = Math.fround(sum + number)));
}

/** A number in [0, 1) of a seed and a position, the same in every runtime of kerasapp. */
export function uniform(seed, position) {
  return (pcg(pcg(position) + pcg(seed ^ 0x9e3779b9)) >>> 8) * 2 ** -24;
}

function pcg(value) {
  let x = (Math.imul(value, 747796405) + 2891336453) >>> 0;
  x = Math.imul((x >>> ((x >>> 28) + 4)) ^ x, 277803737) >>> 0;
  return ((x >>> 22) ^ x) >>> 0;
}

async function read(url, content) {
  try {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    return await content(answer);
  } catch (error) {
    throw new Error(`${url}: cannot be read: ${error.message}`);
  }
}

/** The bytes of a file of the bundle, whose SHA-256 the metadata have. */
async function bytesOf(folder, { file, sha256 }) {
  if (!globalThis.crypto.subtle) throw new Error("checksums need https, or localhost");
  const bytes = new Uint8Array(await read(`${folder}/${file}`, (answer) => answer.arrayBuffer()));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found !== sha256) throw new Error(`${folder}/${file}: is damaged: its SHA-256 is not that of metadata.json`);
  return bytes;
}

function remove(tensors) {
  Object.values(tensors).forEach((tensor) => tensor.delete());
}
