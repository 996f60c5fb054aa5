// The contents of the report: arrays are deflated, in base64, and come as typed arrays.

const KINDS = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array, float64: Float64Array };

/** The bytes of what was deflated. */
export async function inflate(text) {
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

/** The values of a packed array, rows one after the other. */
export async function unpack({ kind, data }) {
  return new KINDS[kind](await inflate(data)); // in the order of bytes of every processor that has a browser
}

/** The rows of numbers that were packed in even steps: list of Float64Array. */
export async function unpackRows({ least, greatest, ...packed }) {
  const steps = await unpack(packed);
  const count = packed.shape[1];
  return least.map((low, i) => Float64Array.from(steps.subarray(i * count, (i + 1) * count), (step) => low + ((greatest[i] - low) * step) / 65535));
}

/** The contents, as they were written. */
export function contents() {
  return JSON.parse(document.getElementById("contents").textContent);
}

/** Runs the page; what goes wrong is told on it. */
export async function run(page) {
  const problem = document.getElementById("problem");
  try {
    if (typeof DecompressionStream === "undefined") throw new Error("This report needs a browser of 2023 or later.");
    await page(contents());
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
    throw error;
  }
}
