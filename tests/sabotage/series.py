"""Ways to break an export of `series`."""

import tensorflow as tf

from . import bundles as b
from . import signatures as s
from .saboteur import saboteurs

SAVED = ("saved_model",)
PHONE = ("tflite_float32",)


def _median_for_mean(call):
    out = call()
    return {**out, "mean": out["quantiles"][..., 3]}


def _crossed(quantiles):
    return tf.reverse(quantiles, [3])


def _columns(values):
    """The columns in the other order."""
    return tf.reverse(values, [2])


def _others_columns(call):
    out = call(history=_columns(call.inputs["history"]))
    return {**out, "mean": _columns(out["mean"]), "quantiles": _columns(out["quantiles"])}


def _defaults(**changed):
    def change(call):
        rows = tf.shape(call.inputs["lengths"])
        knobs = {"horizon": 24, "samples": 200, "seed": 0, **changed}
        return call.ask("forecast", **call.inputs, **{name: tf.fill(rows, v) for name, v in knobs.items()})

    return change


SABOTEURS = [
    # === The SavedModel ===
    *saboteurs(
        "series",
        ("SavedModel: one weight", s.variables(b.one_weight), SAVED),
        ("SavedModel: its largest weights have the other sign",
         s.variables(b.turned), SAVED),
        *b.CHECKPOINTS,
        ("serving_default: another seed", s.wrap(serving_default=_defaults(seed=1)), SAVED),
        ("serving_default: a shorter horizon",
         s.wrap(serving_default=_defaults(horizon=3)), ("saved_model", "rest")),
        ("forecast: quantiles crossed",
         s.wrap(forecast=s.gives(quantiles=_crossed)), SAVED),
        ("forecast: the median for the mean", s.wrap(forecast=_median_for_mean), SAVED),
        ("forecast: columns swapped in the answer", s.wrap(
            forecast=s.gives(mean=_columns, quantiles=_columns)), SAVED),
        ("forecast: columns swapped inside", s.wrap(forecast=_others_columns), SAVED),
        ("forecast: reads the padding", s.wrap(forecast=s.whole("history")), SAVED),
        ("forecast: ignores the history", s.wrap(forecast=s.given(lengths=0)), SAVED),
        ("forecast: ignores the seed", s.wrap(forecast=s.given(seed=0)), SAVED),
        ("forecast: ignores the samples", s.wrap(forecast=s.given(samples=100)), SAVED),
        ("forecast: steps beyond a row's horizon count", s.wrap(
            forecast=s.gives(steps=lambda n: tf.fill(tf.shape(n), tf.reduce_max(n)))), SAVED),
        ("score: without the slope of the scaling", s.wrap(
            score=lambda c: {**c(), "nats": c()["nats"] + tf.cast(c.inputs["lengths"], tf.float32)}), SAVED),
        ("prefill: reads the padding", s.wrap(prefill=s.whole("history")), SAVED),
        ("prefill: the states are zeros", s.wrap(prefill=lambda c: {
            k: v * 0 if v.shape.rank == 2 and "log" not in k else v for k, v in c().items()}), SAVED),
        ("step: forgets its states", s.wrap(step=s.forgets("")), SAVED),
        ("step: deviations and means swapped", s.wrap(step=lambda c: {
            **c(), "means": c()["deviations"], "deviations": c()["means"]}), SAVED),
    ),
    # === The bundle ===
    *saboteurs(
        "series",
        ("float32: one weight",
         b.weights("float32", b.one_weight, 32), ("tflite_float32", "compiled_float32")),
        ("dynamic: weights at random", b.weights("dynamic", b.at_random, 32), ("tflite_dynamic",)),
        ("dynamic: all weights are a tenth", b.weights("dynamic", b.faded, 32), ("tflite_dynamic",)),
        ("bundle: of another checkpoint", b.files("tflite"), ("tflite_float32", "tflite_dynamic")),
        ("metadata: columns of the scaling swapped", b.metadata(lambda m: [
            m["scaling"][key].reverse() for key in ("mean", "deviation")]),
            ("tflite_float32", "tflite_dynamic")),
        ("metadata: names of the columns swapped", b.put(
            "scaling", "columns", value=lambda c: c[::-1]), PHONE, "columns"),
        ("metadata: another mean", b.put("scaling", "mean", 0, value=lambda x: x * 1.01), PHONE),
        ("metadata: no transform", b.put("scaling", "transform", value="none"), PHONE),
        ("metadata: quantiles crossed", b.put("quantiles", value=lambda q: q[::-1]), PHONE),
        ("metadata: other quantiles", b.put("quantiles", 0, value=0.1), PHONE),
        ("metadata: the least deviation", b.put("least_deviation", value=0.5), PHONE),
        ("metadata: another type", b.put(
            "dtype", value=lambda d: "float64" if d == "float32" else "float32"), PHONE, "dtype"),
        ("metadata: another default horizon", b.knob("horizon", "default", 5), PHONE, "horizon"),
        ("metadata: the most samples", b.put("limits", "samples", value=3), PHONE, "samples"),
        ("phone: a step forgets its states", b.lite(
            "series.py", 'return found["raw"], {name: found[name] for name in self._start}',
            'return found["raw"], states'), PHONE),
        ("phone: no zeros before the history", b.lite(
            "series.py", "for row in scaled:", "for row in scaled[1:]:"), PHONE),
        ("phone: all paths have one seed", b.lite(
            "series.py", "[derived(seed, path) for path in range(samples)]", "[derived(seed, 0)] * samples"),
            PHONE),
        ("phone: columns are drawn apart", b.lite(
            "series.py", "            logits = logits - 0.5 * z**2 - np.log(deviations[..., d])\n", ""),
            PHONE),
        ("phone: the median for the mean", b.lite(
            "series.py", "found = paths.mean(axis=1),", "found = np.median(paths, axis=1),"), PHONE),
        ("phone: refuses histories of more than 20 steps", b.lite(
            "series.py", "raw, states = self._read(self._scaled(history))",
            "assert len(history) <= 20\n        raw, states = self._read(self._scaled(history))"), PHONE),
    ),
]  # fmt: skip
