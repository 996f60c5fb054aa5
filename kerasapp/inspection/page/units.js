// The units: their values along the text, and those that track a feature.

/** The values of units: `of(layer, state, unit)` promises {values, least, greatest, levels}, or null. */
export function unitValues({ signals, tracks }) {
  const found = new Map(tracks.map(([row, levels, least, greatest, steps]) => [row, { levels, least, greatest, steps }]));
  const groups = new Map(signals.map((group) => [`${group.state}${group.layer}`, group]));
  return {
    signals,
    has: (layer, state, unit) => found.has(groups.get(`${state}${layer}`).start + unit),
    owner(row) {
      const group = signals.find(({ start, count }) => row >= start && row < start + count);
      return { layer: group.layer, state: group.state, unit: row - group.start };
    },
    async of(layer, state, unit) {
      const track = found.get(groups.get(`${state}${layer}`).start + unit);
      if (!track) return null;
      const { levels, least, greatest } = track;
      const steps = new Uint8Array(await inflate(track.steps));
      const values = Float32Array.from(steps, (step) => least + ((greatest - least) * step) / (levels - 1));
      return { values, least, greatest, levels };
    },
    /** What is there, in words. */
    kept() {
      const levels = [...found.values()].map((track) => track.levels);
      const coarsest = Math.min(...levels);
      const counts = [...new Set(signals.map(({ state }) => state))].sort().map((state) => {
        const groups = signals.filter((group) => group.state === state);
        const all = groups.reduce((sum, { count }) => sum + count, 0);
        const held = groups.flatMap(({ start, count }) => Array.from({ length: count }, (_, i) => found.has(start + i)));
        const kept = held.filter(Boolean).length;
        return kept === all ? `all ${all} ${STATES[state]} states` : `${kept} of ${all} ${STATES[state]} states`;
      });
      const precise = coarsest < 64 ? `, in ${coarsest} levels; those listed below in 64` : "";
      return `In this file are ${counts.join(" and ")}${precise}.`;
    },
  };
}

/** What the contents have of units: lengths of states, features and gates, unpacked. */
export function unpackUnits({ norms, features, gates }) {
  const unpacked = (keys) => async (one) => ({ ...one, ...Object.fromEntries(await Promise.all(keys.map(async (key) => [key, await unpack(one[key])]))) });
  const all = [[norms, ["values"]], [features, ["values"]], [gates, ["left", "right"]]];
  return Promise.all(all.map(([list, keys]) => Promise.all(list.map(unpacked(keys)))));
}

export const STATES = { c: "cell", h: "hidden" };

/**
 * Lists the units that follow each feature.
 *
 * pick(owner, feature): called with {layer, state, unit} as a unit is chosen.
 */
export function listFeatures(features, owner, short, pick) {
  const strength = ({ followers }) => Math.abs(followers[0]?.correlation || 0);
  const sorted = [...features].sort((one, other) => strength(other) - strength(one));
  document.getElementById("short").hidden = !short;
  document.getElementById("features").replaceChildren(...sorted.map((feature) => row(feature, owner, pick)));
  if (!features.length) document.getElementById("features").textContent = "No feature varies here.";
}

function row(feature, owner, pick) {
  const chips = feature.followers.map((follower) => {
    const unit = owner(follower.signal);
    const [first, second] = follower.halves;
    const same = Math.sign(first) === Math.sign(follower.correlation) && Math.sign(second) === Math.sign(follower.correlation);
    const sure = same && Math.min(Math.abs(first), Math.abs(second)) >= Math.abs(follower.correlation) / 2;
    const words = `Layer ${unit.layer}, unit ${unit.unit}, ${STATES[unit.state]} state: correlation ${fixed(follower.correlation)}; in the first half ${fixed(first)}, in the second ${fixed(second)}`;
    const text = `${unit.layer}:${unit.unit} ${STATES[unit.state]} `;
    const chip = make("button", { type: "button", title: words, "aria-label": words, "aria-pressed": "false", class: sure ? "" : "unsure" }, text, make("b", {}, fixed(follower.correlation)));
    chip.addEventListener("click", () => {
      for (const other of document.querySelectorAll("#features [aria-pressed=true]")) other.setAttribute("aria-pressed", "false");
      chip.setAttribute("aria-pressed", "true");
      pick(unit, feature);
    });
    return chip;
  });
  const title = make("h3", {}, feature.name, " ", make("small", {}, feature.meaning));
  return make("div", { class: "feature" }, title, make("div", { class: "chips" }, ...chips));
}
