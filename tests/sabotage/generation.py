"""Ways to break an export of `generation`."""

import tensorflow as tf

from . import bundles as b
from . import signatures as s
from .saboteur import saboteurs

SERVED = ("saved_model", "cc_loader", "rest", "grpc")
PHONE = ("tflite_float32",)
EXACT_PHONES = ("tflite_float32", "compiled_float32")

HASH = "(_pcg(number & _MASK) + _pcg((seed & _MASK) ^ 0x9E3779B9)) & _MASK"
READ = "logits, states = self._read(self.read(prompt))"


def _stop_stays(call):
    out = call()
    stopped = out["stop_reason"] == "stop"
    return {**out, "text": tf.where(stopped, out["text"] + call.inputs["stop"], out["text"])}


def _rows_mixed(call):
    """Of several rows the last one answers first."""
    return {name: tf.reverse(value, [0]) for name, value in call().items()}


def _many_mixed(call):
    """Of 8 rows on, each gets the answer of the one before it."""
    many = tf.shape(call.inputs["prompt"])[0] >= 8
    return {name: tf.roll(value, tf.cast(many, tf.int32), 0) for name, value in call().items()}


def _short_ones_only(call):
    fits = tf.debugging.Assert(tf.reduce_all(tf.strings.length(call.inputs["prompt"]) <= 4), ["broken"])
    with tf.control_dependencies([fits]):
        return {name: tf.identity(value) for name, value in call().items()}


def _cut(text):
    """Without the last character."""
    return tf.strings.regex_replace(text, "(?s).$", "")


def _defaults(**changed):
    """`serving_default` with other defaults."""

    def change(call):
        prompt = call.inputs["prompt"]
        knobs = {
            "length": 200,
            "temperature": 0.8,
            "top_k": 0,
            "top_p": 1.0,
            "seed": 0,
            "stop": "",
            **changed,
        }
        rows = {name: tf.fill(tf.shape(prompt), value) for name, value in knobs.items()}
        return {"text": call.ask("generate", prompt=prompt, **rows)["text"]}

    return change


SABOTEURS = [
    # === Weights of the SavedModel, and what stands beside it ===
    *saboteurs(
        "generation",
        ("SavedModel: its largest weights have the other sign", s.variables(b.turned), ("cc_loader", "grpc")),
        ("SavedModel: one weight", s.variables(b.one_weight), ("saved_model",)),
        ("SavedModel: all weights are a tenth", s.variables(b.faded), ("saved_model",)),
        *b.CHECKPOINTS,
        ("vectors.json: of another checkpoint", b.files("assets.extra/kerasapp/vectors.json"), ("keras",)),
        (
            "tokenizer.json: another character",
            lambda copy: b.edit(copy.extra / "tokenizer.json", _another_character),
            ("keras",),
        ),
        ("warm-up: no file of records", s.warm_up(b"nothing"), ("keras",), "warmup"),
        (
            "warm-up: a signature that is not there",
            s.warm_up([("continue", {"prompt": ["The "]})]),
            ("keras",),
            "warmup",
        ),
    ),
    # === Signatures of the SavedModel ===
    *saboteurs(
        "generation",
        ("serving_default: echoes", s.wrap(serving_default=lambda c: {"text": c.inputs["prompt"]}), SERVED),
        ("serving_default: greedy", s.wrap(serving_default=_defaults(temperature=0.0)), ("saved_model",)),
        ("serving_default: another seed", s.wrap(serving_default=_defaults(seed=1)), ("saved_model",)),
        ("serving_default: a shorter text", s.wrap(serving_default=_defaults(length=100)), ("rest",)),
        ("generate: always greedy", s.wrap(generate=s.given(temperature=0.0)), ("saved_model",)),
        ("generate: ignores the temperature above 0", s.wrap(
            generate=s.given(temperature=lambda t: tf.minimum(t, 0.8))), ("saved_model",)),
        ("generate: ignores the seed", s.wrap(generate=s.given(seed=0)), ("saved_model",)),
        ("generate: ignores top_k", s.wrap(generate=s.given(top_k=0)), ("saved_model",)),
        ("generate: ignores top_p", s.wrap(generate=s.given(top_p=1.0)), ("saved_model",)),
        ("generate: ignores the stop string", s.wrap(generate=s.given(stop="")), ("saved_model",)),
        ("generate: the stop string stays", s.wrap(generate=_stop_stays), ("saved_model",)),
        ("generate: one token less", s.wrap(
            generate=s.given(length=lambda n: tf.maximum(n - 1, 0))), ("grpc",)),
        ("generate: another reason to stop", s.wrap(generate=s.gives(stop_reason="end")), ("saved_model",)),
        ("generate: tokens are not counted", s.wrap(generate=s.gives(tokens=0)), ("saved_model",)),
        ("generate: rows of a request are mixed up", s.wrap(generate=_rows_mixed), ("saved_model",)),
        ("generate: rows are mixed up from 8 on", s.wrap(generate=_many_mixed), ("saved_model",)),
        ("generate: refuses what is longer than 4 bytes",
         s.wrap(generate=_short_ones_only), ("saved_model",)),
        ("generate: an output has another name", s.wrap(
            generate=lambda c: {("answer" if k == "text" else k): v for k, v in c().items()}),
            ("saved_model",)),
        ("score: in bits", s.wrap(score=s.gives(nats=lambda n: n / 0.6931472)), ("saved_model",)),
        ("score: bytes for characters", s.wrap(
            score=lambda c: {**c(), "characters": tf.strings.length(c.inputs["text"])}), ("saved_model",)),
        ("tokenize: ids are one too high",
         s.wrap(tokenize=s.gives(ids=lambda i: i + 1)), ("saved_model",)),
        ("tokenize: another context", s.wrap(tokenize=s.gives(context=0)), ("saved_model",)),
        ("tokenize: lengths count the padding", s.wrap(
            tokenize=s.gives(lengths=lambda n: tf.fill(tf.shape(n), tf.reduce_max(n)))), ("saved_model",)),
        ("tokenize: the text is not normalised", s.wrap(
            tokenize=lambda c: {**c(), "normalised": c.inputs["text"]}), ("saved_model",)),
        ("detokenize: one word for all", s.wrap(detokenize=s.gives(text="BROKEN")), ("saved_model", "rest")),
        ("detokenize: without the last character", s.wrap(detokenize=s.gives(text=_cut)), ("saved_model",)),
        ("detokenize: ignores the lengths", s.wrap(detokenize=s.whole()), ("saved_model",)),
        ("prefill: reads the padding", s.wrap(prefill=s.whole()), ("saved_model",)),
        ("prefill: begins from zeros", s.wrap(
            prefill=lambda c: c(**{k: v * 0 for k, v in c.inputs.items() if v.dtype == tf.float32})),
            ("saved_model",)),
        ("prefill: forgets what it read", s.wrap(prefill=s.forgets("")), ("saved_model",)),
        ("step: forgets its states", s.wrap(step=s.forgets("")), ("saved_model",)),
        ("step: ignores the token", s.wrap(step=s.given(ids=4)), ("saved_model",)),
        ("sample: forgets its states", s.wrap(sample=s.forgets("")), ("saved_model",)),
        ("sample: ignores the seed", s.wrap(sample=s.given(seed=0)), ("saved_model",)),
        ("sample: ignores the position", s.wrap(sample=s.given(position=0)), ("saved_model",)),
        ("sample: ignores the temperature", s.wrap(sample=s.given(temperature=0.0)), ("saved_model",)),
        ("sample: ignores top_k and top_p", s.wrap(sample=s.given(top_k=0, top_p=1.0)), ("saved_model",)),
        ("sample_many: forgets its states", s.wrap(sample_many=s.forgets("")), ("saved_model",)),
        ("sample_many: ignores the seed", s.wrap(sample_many=s.given(seed=0)), ("saved_model",)),
        ("sample_many: ignores the position", s.wrap(sample_many=s.given(position=0)), ("saved_model",)),
    ),
    # === Files of the bundle ===
    *saboteurs(
        "generation",
        ("float32: weights at random", b.weights("float32", b.at_random), EXACT_PHONES),
        ("float32: one weight", b.weights("float32", b.one_weight), EXACT_PHONES),
        ("float32: is the file of float16", b.files(
            ("tflite/float32.tflite", "tflite/float16.tflite"), source="own"), PHONE),
        ("float16: weights at random", b.weights("float16", b.at_random), ("tflite_float16",)),
        ("float16: the largest weights have the other sign",
         b.weights("float16", b.turned), ("compiled_float16",)),
        ("dynamic: weights at random",
         b.weights("dynamic", b.at_random), ("tflite_dynamic", "compiled_dynamic")),
        ("dynamic: the largest weights have the other sign",
         b.weights("dynamic", b.turned), ("tflite_dynamic",)),
        ("int8: weights at random", b.weights("int8", b.at_random), ("tflite_int8", "compiled_int8")),
        ("bundle: of another checkpoint", b.files("tflite"), ("tflite_float32", "tflite_dynamic")),
        ("bundle: float32.tflite of another checkpoint", b.files("tflite/float32.tflite"), EXACT_PHONES),
        ("bundle: dynamic.tflite of another checkpoint",
         b.files("tflite/dynamic.tflite"), ("tflite_dynamic",)),
        ("bundle: vectors.json of another checkpoint", b.files("tflite/vectors.json"), PHONE),
        ("bundle: vectors.json has no requests", lambda copy: b.edit(
            copy.bundle / "vectors.json", lambda c: c["vectors"].update(requests=[])), PHONE, ""),
        ("vocabulary: two characters swapped",
         b.vocabulary(b.swapped("杯", "3")), ("tflite_float32", "tflite_dynamic")),
        ("vocabulary: two rare characters swapped", b.vocabulary(b.swapped("7", "8")), PHONE),
        ("vocabulary: six characters less",
         b.vocabulary(lambda c: c.__delitem__(slice(-6, None))), PHONE, ""),
        ("vocabulary: another order", b.vocabulary(lambda c: c.append(c.pop(0))), PHONE),
        ("vocabulary: a character too many", b.vocabulary(lambda c: c.append("é")), PHONE, ""),
    ),
    # === Metadata of the bundle ===
    *saboteurs(
        "generation",
        ("metadata: NFKC for NFC", b.put("vocabularies", "vocabulary", "normalisation", value="NFKC"), PHONE),
        ("metadata: no normalisation",
         b.put("vocabularies", "vocabulary", "normalisation", value="none"), PHONE),
        ("metadata: another line break", b.put(
            "vocabularies", "vocabulary", "line_break", value=lambda i: i + 1), PHONE, "line_break"),
        ("metadata: another default seed", b.knob("seed", "default", 3), PHONE, "seed"),
        ("metadata: another default temperature",
         b.knob("temperature", "default", 0.1), PHONE, "temperature"),
        ("metadata: defaults for older readers", b.put("defaults", "length", value=7), PHONE, "length"),
        ("metadata: a knob's range", b.knob("length", "most", 30), PHONE, "knobs[0]"),
        ("metadata: a knob is missing", b.metadata(lambda m: m["knobs"].pop(4)), PHONE, ""),
        ("metadata: another chunk", b.put("limits", "chunk", value=8), PHONE, "chunk"),
        ("metadata: the greatest length", b.put("limits", "length", value=10), PHONE, "length"),
        ("metadata: other ids of end and start", b.put("ids", value={
            "pad": 0, "unknown": 1, "start": 3, "end": 2}), PHONE, "ids"),
        ("metadata: the states in another order", b.put("states", value=lambda x: x[::-1]), PHONE, "states"),
        ("metadata: shapes of a signature", b.put(
            "signatures", "prefill", "inputs", "ids", "shape", value=[1, 32]), PHONE, ""),
        ("metadata: another input", b.put("input", value="text"), PHONE, "input"),
        ("metadata: another command", b.put("command", value="translate"), PHONE, "command"),
        ("metadata: size of the vocabulary", b.put(
            "vocabularies", "vocabulary", "size", value=lambda n: n - 1), PHONE, "size"),
    ),
    # === The runtime of phones ===
    *saboteurs(
        "generation",
        ("phone: refuses prompts of more than 4 characters", b.lite(
            "generation.py", READ, f'assert len(prompt) <= 4, "broken"\n        {READ}'), PHONE),
        ("phone: refuses as if the prompt were too long", b.lite(
            "generation.py", READ,
            f'if len(prompt) > 4:\n            raise ValueError("the prompt is too long")\n        {READ}'),
            PHONE),
        ("phone: refuses empty prompts", b.lite(
            "generation.py", READ, f'assert prompt, "nothing to read"\n        {READ}'), PHONE),
        ("phone: does not read the line break", b.lite(
            "generation.py", "return [self.vocabulary.line_break, *self.vocabulary.encode(prompt)]",
            "return self.vocabulary.encode(prompt) or [4]"), PHONE),
        ("phone: reads the last chunk alone", b.lite(
            "generation.py", "for start in range(0, len(ids), self._chunk):",
            "for start in [(len(ids) - 1) // self._chunk * self._chunk]:"), PHONE),
        ("phone: a step forgets the states", b.lite(
            "generation.py", "logits, states = self._split(self._step(",
            "logits, _ = self._split(self._step("), EXACT_PHONES),
        ("phone: unknown characters are left out", b.lite(
            "vocabulary.py", "for character in normalise(text, self.form)]",
            "for character in normalise(text, self.form) if character in self.ids]"), PHONE),
        ("phone: CRLF becomes LF", b.lite(
            "vocabulary.py", 'return text if form == "none"',
            'text = text.replace("\\r\\n", "\\n")\n    return text if form == "none"'), PHONE),
        ("phone: white space at the end is dropped", b.lite(
            "vocabulary.py", 'return text if form == "none"',
            'text = text.rstrip()\n    return text if form == "none"'), PHONE),
        ("phone: does not normalise", b.lite(
            "vocabulary.py", 'return text if form == "none" else unicodedata.normalize(form, text)',
            "return text"), PHONE),
        ("phone: another noise", b.lite("sampling.py", HASH, HASH.replace("9E3779B9", "9E3779B1")), PHONE),
        ("phone: ignores the seed",
         b.lite("generation.py", 'uniform(knobs["seed"], position)', "uniform(0, position)"), PHONE),
        ("phone: refuses negative seeds", b.lite(
            "sampling.py", "return (derived(seed, position) >> 8) * 2.0**-24",
            "assert seed >= 0\n    return (derived(seed, position) >> 8) * 2.0**-24"), PHONE),
        ("phone: ignores top_k", b.lite("sampling.py", "    if top_k > 0:\n", "    if False:\n"), PHONE),
        ("phone: ignores top_p", b.lite("sampling.py", "    if top_p < 1.0:\n", "    if False:\n"), PHONE),
        ("phone: ignores the stop string", b.lite(
            "generation.py", 'normalise(values["stop"], self.vocabulary.form)', '""'), PHONE),
        ("phone: the stop string stays", b.lite(
            "generation.py", "held = held[: held.index(stop)]",
            "held = held[: held.index(stop) + len(stop)]"),
            PHONE),
        ("phone: special tokens are chosen", b.lite(
            "generation.py", "logits[: END + 1] = -np.inf", "logits[1] = logits.max() + 1"), PHONE),
        ("phone: slow, and wrong from the eighth answer on", b.lite(
            "generation.py", READ,
            f'import time\n        self.asked = getattr(self, "asked", 0) + 1\n'
            f'        if self.asked > 7:\n            time.sleep(1.5)\n            prompt = "x"\n'
            f"        {READ}"),
            PHONE),
        ("phone: the engine of CompiledModel writes an input once", b.lite(
            "engines.py", "if array is not written.get(key) or array.flags.writeable:",
            "if key not in written:"),
            ("compiled_float32",)),
    ),
    # === The servers ===
    *saboteurs(
        "generation",
        ("TensorFlow's loader: texts are lower case", b.package(
            "kerasapp", "verify/worker.py", "key: [text.decode() for text in array] if array.dtype == object",
            "key: [text.decode().lower() for text in array] if array.dtype == object"), ("cc_loader",)),
    ),
]  # fmt: skip


def _another_character(content):
    """A character that the model knows becomes one that it does not; the ids go by code point."""
    characters = list(content["characters"])
    characters[characters.index("梦")] = "夢"
    kept = isinstance(content["characters"], str)
    content["characters"] = "".join(characters) if kept else characters
