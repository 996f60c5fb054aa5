// Calls to the server that this page came from, and its errors in words.

// Paths are relative, so that the page works behind a proxy that adds a prefix.
async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is it still running?");
  }
  if (!response.ok) {
    const told = await response.json().catch(() => ({}));
    throw new Error(inWords(response.status, told.error || response.statusText));
  }
  return response;
}

function post(path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(body), signal });
}

/** All models of the server, see `list_models` in page.py. */
export async function models() {
  return (await (await call("kerasapp/models")).json()).models;
}

/** The outputs of a signature for one row of inputs. */
export async function predict(model, signature, row, signal) {
  const body = { signature_name: signature, instances: [row] };
  const response = await post(`v1/models/${model}:predict`, body, signal);
  return (await response.json()).predictions[0];
}

/** Yields the events of a stream, {text, tokens} each, the last one with full_text and stop_reason. */
export async function* stream(model, request, signal) {
  const response = await post(`v1/models/${model}:generate_stream`, request, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    while (true) {
      const { value, done } = await reader.read();
      if (done) break;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) yield parseEvent(block);
    }
  } catch (error) {
    if (error instanceof TypeError) throw new Error("The connection to the server broke off.");
    throw error;
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parseEvent(block) {
  const lines = block.split("\n");
  const data = JSON.parse(lines.find((line) => line.startsWith("data:")).slice(5));
  if (lines.includes("event: error")) throw new Error(inWords(0, data.error));
  return data;
}

const MEANINGS = {
  404: "The model is no longer loaded.",
  413: "The text is too long.",
  429: "The server has too much to do; try again in a moment.",
  503: "The server has too much to do; try again in a moment.",
  504: "The server was not done in time.",
};

/** An error of the server without what only its log needs. */
export function inWords(status, message) {
  // An assertion in a graph: "... assertion failed: [temperature: must be 0 or above, and a number] ..."
  const assertion = /assertion failed: \[(.*?)\]/s.exec(message);
  const plain = assertion ? assertion[1] : message.replace(/\{\{.*?\}\}\s*/gs, "").split("\n")[0];
  const meaning = MEANINGS[status];
  return meaning ? `${meaning} (${plain})` : sentence(plain);
}

function sentence(text) {
  const start = text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " ");
  return /[.!?]$/.test(start) ? start : `${start}.`;
}
