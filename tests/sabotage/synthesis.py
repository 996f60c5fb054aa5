"""Ways to break an export of `synthesis`."""

import tensorflow as tf

from . import bundles as b
from . import signatures as s
from .saboteur import saboteurs

SAVED = ("saved_model",)
PHONE = ("tflite_float32",)


HEADER = 44  # bytes before the samples of a WAV file


def _each(change):
    """A function of bytes applied to each WAV file of an output; in the graph."""

    def changed(files):
        return tf.map_fn(change, files)

    return changed


def _mute(file):
    head = tf.strings.substr(file, 0, HEADER)
    zeros = tf.io.decode_raw(tf.strings.substr(file, HEADER, -1), tf.uint8) * 0
    return head + tf.strings.reduce_join(tf.gather(_BYTES, tf.cast(zeros, tf.int32)))


def _rate_of_header(file):
    """The sample rate at bytes 24 to 27 becomes 16,000."""
    return tf.strings.substr(file, 0, 24) + b"\x80\x3e\0\0" + tf.strings.substr(file, 28, -1)


def _no_header(file):
    return tf.strings.substr(file, HEADER, -1)


def _half(file):
    """Half of the samples are lost."""
    return tf.strings.substr(file, 0, HEADER + (tf.strings.length(file) - HEADER) // 4 * 2)


_BYTES = tf.constant([bytes([i]) for i in range(256)])


def _silent(call):
    out = call()
    return {**out, "audio_bytes": _each(_mute)(out["audio_bytes"]), "waveform": out["waveform"] * 0}


def _noise(waveform):
    return tf.random.stateless_uniform(tf.shape(waveform), [1, 2], -0.1, 0.1)


def _never_stops(call):
    """The stop token is never believed."""
    return call(stop_threshold=tf.ones_like(call.inputs["stop_threshold"]))


def _rolled(value):
    return tf.roll(value, 1, 1)


SABOTEURS = [
    # === The SavedModel ===
    *saboteurs(
        "synthesis",
        ("SavedModel: one weight", s.variables(b.one_weight), SAVED),
        ("SavedModel: its largest weights have the other sign", s.variables(b.turned), ("cc_loader",)),
        *b.CHECKPOINTS,
        ("voice: every sound is silence",
         s.wrap(synthesize=_silent, mel_to_audio=_silent, serving_default=s.gives(
            audio_bytes=_each(_mute))), ("saved_model", "grpc")),
        ("serving_default: silence", s.wrap(serving_default=s.gives(audio_bytes=_each(_mute))), SAVED),
        ("serving_default: a header of another sample rate", s.wrap(
            serving_default=s.gives(audio_bytes=_each(_rate_of_header))), SAVED),
        ("serving_default: no header",
         s.wrap(serving_default=s.gives(audio_bytes=_each(_no_header))), ("rest",)),
        ("serving_default: half of the sound",
         s.wrap(serving_default=s.gives(audio_bytes=_each(_half))), SAVED),
        ("serving_default: another sample rate",
         s.wrap(serving_default=s.gives(sample_rate=16000)), ("grpc",)),
        ("serving_default: other seconds", s.wrap(serving_default=s.gives(seconds=lambda x: x / 2)), SAVED),
        ("synthesize: the files are silent, the waveforms are not", s.wrap(
            synthesize=s.gives(audio_bytes=_each(_mute))), SAVED),
        ("synthesize: the waveforms are silent, the files are not", s.wrap(
            synthesize=s.gives(waveform=0.0)), SAVED),
        ("synthesize: noise", s.wrap(synthesize=s.gives(waveform=_noise)), SAVED),
        ("synthesize: sound of half the volume", s.wrap(synthesize=s.gives(waveform=lambda w: w / 2)), SAVED),
        ("synthesize: another sample rate", s.wrap(synthesize=s.gives(sample_rate=22050)), SAVED),
        ("synthesize: a header of another sample rate", s.wrap(
            synthesize=s.gives(audio_bytes=_each(_rate_of_header))), SAVED),
        ("synthesize: samples of the padding count", s.wrap(
            synthesize=s.gives(samples=lambda n: n * 0 + tf.reduce_max(n) + 1)), SAVED),
        ("synthesize: never stops by itself", s.wrap(synthesize=_never_stops), SAVED),
        ("synthesize: stops at once", s.wrap(synthesize=s.given(stop_threshold=0.0)), SAVED),
        ("synthesize: ignores max_ratio", s.wrap(synthesize=s.given(max_ratio=0.3)), SAVED),
        ("synthesize: ignores the window", s.wrap(synthesize=s.given(window=0)), SAVED),
        ("synthesize: ignores prenet_dropout", s.wrap(synthesize=s.given(prenet_dropout=0.0)), SAVED),
        ("synthesize: ignores the seed", s.wrap(synthesize=s.given(seed=0)), SAVED),
        ("synthesize: attention to the character before", s.wrap(
            synthesize=s.gives(alignment=lambda a: tf.roll(a, 1, 2))), SAVED),
        ("synthesize: nothing is left out", s.wrap(synthesize=s.gives(left_out=0)), SAVED),
        ("synthesize: another reason to stop", s.wrap(synthesize=s.gives(stop_reason="stop_token")), SAVED),
        ("synthesize: the coverage is always whole", s.wrap(synthesize=s.gives(coverage=1.0)), SAVED),
        ("synthesize: the tokens are moved", s.wrap(synthesize=s.gives(tokens=_rolled)), SAVED),
        ("mel_to_audio: silence", s.wrap(mel_to_audio=_silent), SAVED),
        ("mel_to_audio: sounds the padding", s.wrap(mel_to_audio=s.whole("mel", "frames")), SAVED),
        ("tokenize: ids are moved", s.wrap(tokenize=s.gives(ids=_rolled)), SAVED),
        ("tokenize: nothing is left out", s.wrap(tokenize=s.gives(left_out=0)), SAVED),
        ("encode: reads the padding", s.wrap(encode=lambda c: c(
            ids=tf.maximum(c.inputs["ids"], 1), lengths=tf.fill(
                tf.shape(c.inputs["lengths"]), tf.shape(c.inputs["ids"])[1]))), SAVED),
        ("encode: the values are moved", s.wrap(encode=s.gives(values=_rolled)), SAVED),
        ("step: forgets its states", s.wrap(step=s.forgets("")), SAVED),
        ("step: never stops", s.wrap(step=s.gives(stop=0.0)), SAVED),
        ("step: stops at once", s.wrap(step=s.gives(stop=1.0)), ("rest",)),
        ("step: gives the frame that it got",
         s.wrap(step=lambda c: {**c(), "frame": c.inputs["frame"]}), SAVED),
        ("postnet: leaves the frames as they are",
         s.wrap(postnet=lambda c: {"mel": c.inputs["frames"]}), SAVED),
        ("postnet: refines the padding", s.wrap(postnet=s.whole("frames", "count")), SAVED),
    ),
    # === The bundle ===
    *saboteurs(
        "synthesis",
        ("float32: one weight", b.weights("float32", b.one_weight), ("tflite_float32", "compiled_float32")),
        ("float16: weights at random", b.weights("float16", b.at_random), ("tflite_float16",)),
        ("dynamic: weights at random", b.weights("dynamic", b.at_random), ("tflite_dynamic",)),
        ("int8: weights at random", b.weights("int8", b.at_random), ("tflite_int8",)),
        ("bundle: of another checkpoint", b.files("tflite"), ("tflite_float32",)),
        ("vocabulary: two characters swapped", b.vocabulary(b.swapped("a", "c")), PHONE),
        ("metadata: another sample rate", b.put("audio", "sample_rate", value=16000), PHONE),
        ("metadata: the iterations of Griffin-Lim", b.put(
            "audio", "griffin_lim_iterations", value=0), PHONE, "griffin_lim_iterations"),
        ("metadata: the least frequency", b.put("audio", "f_min", value=500.0), PHONE, "f_min"),
        ("metadata: no context of the postnet", b.put("postnet_context", value=0), PHONE, "postnet_context"),
        ("metadata: English", b.put("cleaning", "language", value="english"), PHONE, "language"),
        ("metadata: spare seconds", b.put("limits", "spare_seconds", value=0.2), PHONE),
        ("metadata: frames per step", b.put("reduction", value=1), PHONE, "reduction"),
        ("metadata: the mean of the log-mels", b.put("mel", "mean", 0, value=lambda x: x + 1), PHONE, "mel"),
        ("metadata: another default threshold",
         b.knob("stop_threshold", "default", 0.9), PHONE, "stop_threshold"),
        ("phone: silence",
         b.lite("sound.py", "return np.clip(griffin_lim(_magnitude(mel, audio), audio), -1.0, 1.0)",
            "return np.zeros(len(mel) * audio[\"hop\"], np.float32)"), PHONE),
        ("phone: sound without the mel filters' inverse", b.lite(
            "sound.py", "    for _ in range(_UPDATES):", "    for _ in range(0):"), PHONE),
        ("phone: stops at once", b.lite(
            "synthesis.py", 'stopped = found["stop"].item() > threshold', "stopped = True"), PHONE),
        ("phone: never stops", b.lite(
            "synthesis.py", 'stopped = found["stop"].item() > threshold', "stopped = False"), PHONE),
        ("phone: a step forgets its states", b.lite(
            "synthesis.py", "            states = {name: found[name] for name in self.states}\n", ""), PHONE),
        ("phone: ignores the window", b.lite("synthesis.py", "| (window <= 0)", "| (window > -1)"), PHONE),
        ("phone: characters left out are not counted", b.lite(
            "synthesis.py", 'left_out = len(text.replace(" ", "")) - len(known.replace(" ", ""))',
            "left_out = 0"),
            PHONE),
        ("phone: no postnet", b.lite("synthesis.py", "parts.append(mel[begin - start : end - start])",
            "parts.append(frames[begin:end])"), PHONE),
        ("phone: refuses texts of more than 3 characters", b.lite(
            "synthesis.py", "if len(known) >= room:", "if len(known) > 3:"), PHONE),
    ),
]  # fmt: skip
