// Texts that go on, as in kerasapp_lite/generation.py: LiteRT.js runs the same files.

import { Tensor, loadAndCompile, loadLiteRt } from "@litertjs/core";

const FORMAT = 1;
const PREFERRED = ["float32", "float16", "dynamic", "int8"]; // where none is asked for, the first that is there
const RUNTIME = "node_modules/@litertjs/core/wasm/"; // beside the page: no other host is asked
const [UNKNOWN, END] = [1, 3];
const KNOBS = ["length", "temperature", "seed"]; // those of the bundle that this runtime has

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
    this.knobs = knobsOf(metadata).filter(({ name }) => KNOBS.includes(name));
  }

  /** The ids of a text, by code points. */
  encode(text) {
    const normal = this.form === "none" ? text : text.normalize(this.form);
    return Array.from(normal, (character) => this.ids.get(character) ?? UNKNOWN);
  }

  /** Yields the characters after `prompt`. `given`: some of `knobs` by name; the others have the bundle's defaults. */
  async *stream(prompt, given = {}) {
    const { length, temperature, seed } = filled(this.knobs, given);
    let found = await this.#prefill([this.ids.get("\n") ?? 4, ...this.encode(prompt)]);
    try {
      for (let position = 0; position < length; position++) {
        const token = choose(found.logits.toTypedArray(), uniform(seed, position), temperature);
        yield this.characters[token - 4];
        if (position + 1 < length) {
          found = await this.#run("step", { ids: new Tensor(Int32Array.of(token), [1]) }, found);
        }
      }
    } finally {
      remove(found); // also where who reads has had enough
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

/** The knobs of a bundle; one written by an older kerasapp has their defaults alone. */
function knobsOf({ knobs, defaults = {} }) {
  return knobs ?? Object.entries(defaults).map(([name, value]) => ({ name, default: value }));
}

/** The value of each knob, the given one or its default. Throws an Error for one that is unknown or out of range. */
function filled(knobs, given) {
  const names = knobs.map(({ name }) => name);
  const unknown = Object.keys(given).filter((name) => !names.includes(name));
  if (unknown.length) throw new Error(`unknown: ${unknown.join(", ")}; there are ${names.join(", ")}`);
  return Object.fromEntries(knobs.map((knob) => [knob.name, checked(knob, given[knob.name] ?? knob.default)]));
}

function checked({ name, type, least = -Infinity, most = Infinity }, value) {
  if (value >= least && value <= most && (type !== "int32" || Number.isInteger(value))) return value;
  throw new Error(`${name}: ${value} is not ${type === "int32" ? "a whole number" : "a number"} from ${least} to ${most}`);
}

/** The likeliest token of logits, or one drawn: `noise` is the place in the cumulative distribution. */
export function choose(logits, noise, temperature) {
  logits.fill(-Infinity, 0, END + 1); // padding, the unknown, start and end are no text
  const most = logits.reduce((a, b) => Math.max(a, b));
  if (temperature <= 0) return logits.indexOf(most);
  const sharpness = Math.fround(1 / Math.max(Math.fround(temperature), Math.fround(1e-6)));
  let sum = 0;
  const cumulative = logits.map((logit) => {
    // Rounded to 32 bits wherever the other runtimes are: so they draw the same.
    const weight = Math.fround(Math.exp(Math.fround(Math.fround(logit - most) * sharpness)));
    return (sum = Math.fround(sum + weight));
  });
  const place = Math.fround(noise * sum);
  return cumulative.findIndex((upTo) => upTo > place);
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
