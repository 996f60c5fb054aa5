"""Ways to break an export of `translation`, and of an autoencoder."""

import tensorflow as tf

from . import bundles as b
from . import signatures as s
from .saboteur import saboteurs

SAVED = ("saved_model",)
PHONE = ("tflite_float32",)


def _repeated(call):
    """The best translation in the place of all others."""
    out = call()
    best = tf.repeat(out["translation"][:, tf.newaxis], tf.shape(out["translations"])[1], 1)
    return {**out, "translations": tf.where(out["translations"] == "", "", best)}


def _without_end(call):
    """Ids without the end token."""
    out = call()
    ids, lengths = out["ids"], out["lengths"] - 1
    return {**out, "ids": tf.where(tf.sequence_mask(lengths, tf.shape(ids)[1]), ids, 0), "lengths": lengths}


def _never_ends(call):
    """Another token in the place of the end."""
    out = call()
    goes_on = tf.where(out["stop_reason"] == "end", 4, out["ids"])
    return {**out, "ids": goes_on, "stop_reason": tf.fill(tf.shape(goes_on), "")}


def _open_mask(call):
    """The whole width of the sentence is to be seen, padding too."""
    out = call()
    return {**out, "mask": tf.ones_like(out["mask"])}


def _rolled(value):
    return tf.roll(value, 1, 1)


SABOTEURS = [
    # === The SavedModel ===
    *saboteurs(
        "translation",
        ("SavedModel: its largest weights have the other sign", s.variables(b.turned), SAVED),
        ("SavedModel: one weight", s.variables(b.one_weight), SAVED),
        *b.CHECKPOINTS,
        ("serving_default: echoes", s.wrap(
            serving_default=lambda c: {"translation": c.inputs["source"]}), ("saved_model", "rest")),
        ("translate: always greedy", s.wrap(translate=s.given(beam_size=1, n_best=1)), SAVED),
        ("translate: the n best are all the best", s.wrap(translate=_repeated), SAVED),
        ("translate: ignores the length penalty", s.wrap(translate=s.given(length_penalty=1.0)), SAVED),
        ("translate: ignores the coverage penalty", s.wrap(translate=s.given(coverage_penalty=0.0)), SAVED),
        ("translate: ignores min_ratio", s.wrap(translate=s.given(min_ratio=0.0)), SAVED),
        ("translate: ignores max_ratio", s.wrap(translate=s.given(max_ratio=2.0)), SAVED),
        ("translate: the alignment is moved", s.wrap(translate=s.gives(alignment=_rolled)), SAVED),
        ("translate: the tokens of the source are moved", s.wrap(
            translate=s.gives(source_tokens=_rolled)), SAVED),
        ("translate: never finished", s.wrap(translate=s.gives(finished=0)), ("cc_loader",)),
        ("score: probabilities, not their logarithm", s.wrap(
            score=s.gives(log_probability=tf.exp)), SAVED),
        ("score: the end is not counted", s.wrap(score=s.gives(tokens=lambda n: n - 1)), SAVED),
        ("tokenize: without the end", s.wrap(tokenize=_without_end), SAVED),
        ("tokenize: another start", s.wrap(tokenize=s.gives(start=3)), ("grpc",)),
        ("detokenize: one word for all", s.wrap(detokenize=s.gives(text="BROKEN")), SAVED),
        ("encode: reads the padding", s.wrap(encode=s.whole()), SAVED),
        ("encode: the mask is open", s.wrap(encode=_open_mask), SAVED),
        ("encode: the values are moved", s.wrap(encode=s.gives(values=_rolled)), SAVED),
        ("step: forgets its states", s.wrap(step=s.forgets("")), SAVED),
        ("step: another alignment", s.wrap(step=s.gives(alignment=_rolled)), SAVED),
        ("greedy: forgets its states", s.wrap(greedy=s.forgets("")), SAVED),
        ("greedy: ends at once", s.wrap(greedy=s.gives(ids=3, stop_reason="end")), SAVED),
        ("greedy: never ends", s.wrap(greedy=_never_ends), SAVED),
        ("greedy_many: forgets its states", s.wrap(greedy_many=s.forgets("")), SAVED),
        ("greedy_many: ignores max_ratio", s.wrap(greedy_many=s.given(max_ratio=100.0)), SAVED),
        ("greedy: ignores max_ratio", s.wrap(greedy=s.given(max_ratio=100.0)), SAVED),
        ("greedy: the log-probability is that of the token alone", s.wrap(
            greedy=s.given(log_probability=0.0)), SAVED),
    ),
    # === The bundle ===
    *saboteurs(
        "translation",
        ("float32: one weight", b.weights("float32", b.one_weight), ("tflite_float32", "compiled_float32")),
        ("float16: weights at random", b.weights("float16", b.at_random), ("tflite_float16",)),
        ("dynamic: weights at random", b.weights("dynamic", b.at_random), ("tflite_dynamic",)),
        ("int8: weights at random", b.weights("int8", b.at_random), ("tflite_int8",)),
        ("bundle: of another checkpoint", b.files("tflite"), ("tflite_float32", "tflite_dynamic")),
        ("vocabulary: two characters of the source swapped", b.vocabulary(
            b.swapped("a", "b"), "source"), ("tflite_float32", "tflite_dynamic")),
        ("vocabulary: two characters of the target swapped", b.vocabulary(
            b.swapped("g", "h"), "target"), PHONE),
        ("vocabulary: the target's is shorter", b.vocabulary(
            lambda c: c.__delitem__(slice(-2, None)), "target"), PHONE, ""),
        ("metadata: NFKC for NFC", b.put("vocabularies", "source", "normalisation", value="NFKC"), PHONE,
         "normalisation"),
        ("metadata: spare tokens", b.put("limits", "spare", value=0), PHONE, "spare"),
        ("metadata: the greatest target", b.put("limits", "target", value=3), PHONE, "target"),
        ("metadata: the greatest source", b.put("limits", "source", value=4), PHONE, "source"),
        ("metadata: beams", b.put("limits", "beams", value=1), PHONE, "beams"),
        ("metadata: another default of beam_size", b.knob("beam_size", "default", 1), PHONE, "beam_size"),
        ("phone: states do not move with their beams", b.lite(
            "translation.py", "_filled(state[parents], rows) for name, state", "state for name, state"),
            PHONE),
        ("phone: a step forgets its states", b.lite(
            "translation.py", "return logits, alignment, {name: found[name] for name in self.states}",
            "return logits, alignment, states"), PHONE),
        ("phone: the unknown is chosen", b.lite(
            "translation.py", "logits[:, :END] = _NEVER", "logits[:, 1] = logits.max() + 1"), PHONE),
        ("phone: ignores the length penalty", b.lite(
            "translation.py", "** np.float32(knobs.length_penalty)", "** np.float32(0)"), PHONE),
        ("phone: no white space is squeezed", b.lite(
            "vocabulary.py", "text = squeeze(normalise(text, self.form))",
            "text = normalise(text, self.form)"),
            PHONE),
        ("phone: refuses sentences of more than 4 tokens", b.lite(
            "translation.py", "if len(ids) >= self._room:", "if len(ids) > 4:"), PHONE),
        ("phone: refuses blank sentences", b.lite(
            "translation.py", "        if not ids:\n",
            '        if not ids:\n            raise ValueError("blank")\n'),
            PHONE),
        ("phone: one translation, however many are wanted", b.lite(
            "translation.py", '[: values["n_best"]]', "[:1]"), PHONE),
    ),
    # === Embeddings ===
    *saboteurs(
        "autoencoder",
        ("embed: numbers in another order", s.wrap(
            embed=s.gives(embedding=lambda e: tf.reverse(e, [1]))), ("saved_model", "rest")),
        ("embed: one vector for all", s.wrap(
            embed=s.gives(embedding=lambda e: tf.zeros_like(e) + e[:1])), SAVED),
        ("embed: vectors of length 1", s.wrap(
            embed=s.gives(embedding=lambda e: tf.math.l2_normalize(e, 1))), SAVED),
        ("SavedModel: all weights are a tenth", s.variables(b.faded), SAVED),
        ("serving_default: echoes",
         s.wrap(serving_default=lambda c: {"translation": c.inputs["source"]}), SAVED),
        ("float32: weights at random", b.weights("float32", b.at_random), PHONE),
    ),
]  # fmt: skip
