"""The servable of `synthesis`: text in, speech out, in one graph."""

import functools

import numpy as np
import tensorflow as tf

from kerasapp.decoding import uniform
from kerasapp.models.synthesis import PADDING, encode, postnet, stepper
from kerasapp.tasks.alignment_health import alignment_health
from kerasapp.tasks.task import assertions
from pipelines import audio, transcripts
from pipelines.clip_corpus import floor_of

LONGEST = 600  # characters of a text at most
SPARE = 1.0  # seconds that speech may last beyond max_ratio times its characters
DEFAULTS = {
    "max_ratio": 0.3,
    "stop_threshold": 0.5,
    "window": 0,
    "prenet_dropout": 0.0,
    "seed": 0,
}
STOP_REASONS = ("cap", "stop_token")

_INT = tf.TensorSpec([None], tf.int32)
_FLOAT = tf.TensorSpec([None], tf.float32)
_STRING = tf.TensorSpec([None], tf.string)
_IDS = tf.TensorSpec([None, None], tf.int32)
_MEL = tf.TensorSpec([None, None, None], tf.float32)


class SynthesisServable(tf.Module):
    """Everything that answers: local synthesis, evaluation, the SavedModel and the phone come from here.

    Args:
        model: a `SynthesisModel`.
        voice: the `Voice` that it was trained with.
        cleaner: what its texts were prepared with. settings: the `AudioConfig`.
    """

    def __init__(self, model, voice, cleaner, settings):
        super().__init__(name="synthesis")
        self.tokenizer, self.cleaner, self.settings = voice.tokenizer, cleaner, settings
        self._model = model
        self._mean = tf.constant(voice.mean, tf.float32)  # [mels]
        self._deviation = tf.constant(voice.deviation, tf.float32)
        self._step_seconds = model.reduction * settings.hop_seconds

    @tf.function(autograph=False, input_signature=[_STRING])
    def serving_default(self, text):
        """text [batch] string -> "audio_bytes" string [batch], a WAV file each; "sample_rate" int32 [batch],
        "seconds" float32 [batch]; with `DEFAULTS`."""
        knobs = {name: tf.fill(tf.shape(text), tf.constant(value)) for name, value in DEFAULTS.items()}
        spoken = self.synthesize(text, **knobs)
        return {name: spoken[name] for name in ("audio_bytes", "sample_rate", "seconds")}

    @tf.function(autograph=False, input_signature=[_STRING, _FLOAT, _FLOAT, _INT, _FLOAT, _INT])
    def synthesize(self, text, max_ratio, stop_threshold, window, prenet_dropout, seed):
        """Reads each text aloud. One in which nothing can be read is an error, so no answer is mute.

        Args, each [batch], one value a row:
            text: string; of up to `LONGEST` characters.
            max_ratio: float32, seconds of speech a character, and `SPARE` seconds more, at most.
            stop_threshold: float32, from 0 to 1: the probability of the stop token that ends the speech.
            window: int32; above 0 the attention moves by at most so many characters a step, and at most one
                back. 0 leaves it free.
            prenet_dropout: float32, from 0 to below 1: share of the prenet's units dropped, as in training,
                which varies the speech (Shen et al. 2018, arXiv:1712.05884). seed: int32, of that dropout.

        Returns:
            "audio_bytes" string, "sample_rate" int32, "seconds" float32: [batch], as of `serving_default`;
                "waveform" float32 [batch, samples], "samples" int32 [batch].
            "mel" float32 [batch, frames, mels], log-mels (see `pipelines.audio.log_mel`), "frames" [batch].
            "alignment" float32 [batch, steps, characters], "stop" float32 [batch, steps], the probability of
                the stop token, "steps" int32 [batch]; "tokens" string [batch, characters], then "".
            "stop_reason" string [batch]: "stop_token", or "cap" where `max_ratio` ended it.
            "coverage" float32, "backward_steps" int32, "sharpness" float32, "aligned" int32: [batch], see
                `alignment_health`. "left_out" int32 [batch]: characters of the text that the model lacks.
        """
        ids, left_out = self._ids(text)
        lengths = tf.cast(ids.row_lengths(), tf.int32)  # with the end
        checks = _checks(lengths - 1, max_ratio, stop_threshold, window, prenet_dropout)
        with tf.control_dependencies(checks):
            ids = ids.to_tensor()  # [batch, text]
            seconds = max_ratio * tf.cast(lengths - 1, tf.float32) + SPARE
            longest = tf.cast(tf.math.ceil(seconds / self._step_seconds), tf.int32)
        spoken = self._speak(ids, longest, stop_threshold, window, prenet_dropout, seed)
        reason = tf.gather(tf.constant(STOP_REASONS), spoken.pop("stopped"))
        mel = self._log_mel(spoken.pop("mel"), spoken["frames"])
        real = tf.sequence_mask(lengths, tf.shape(ids)[1])
        return {
            **spoken,
            **self._sound(mel, spoken["frames"]),
            **alignment_health(spoken["alignment"], spoken["steps"], lengths),
            "mel": mel,
            "stop_reason": reason,
            "tokens": tf.where(real, self.tokenizer.pieces(ids), ""),
            "left_out": left_out,
        }

    @tf.function(autograph=False, input_signature=[_MEL, _INT])
    def mel_to_audio(self, mel, frames):
        """mel float32 [batch, frames, mels], log-mels, frames int32 [batch] -> "audio_bytes", "sample_rate",
        "seconds", "waveform" and "samples" as of `synthesize`."""
        return self._sound(tf.ensure_shape(mel, [None, None, self.settings.mels]), frames)

    @tf.function(autograph=False, input_signature=[_STRING])
    def tokenize(self, text):
        """text [batch] string -> "ids" int32 [batch, length] with the end token, padded with 0; "lengths" and
        "left_out" int32 [batch]."""
        ids, left_out = self._ids(text)
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        return {"ids": ids.to_tensor(), "lengths": lengths, "left_out": left_out}

    @tf.function(autograph=False, input_signature=[_IDS, _MEL, _MEL])
    def distances(self, tokens, mel_in, mel_out):
        """How far the frames of a batch of `pipelines.synthesis` are from what is predicted with each
        recording's own frames before, from the mean frame, and from the frame right before.

        Returns: (float32 [3], sums over the frames of the mean |difference| of the channels, in nats; int32,
            frames). The silence after a clip does not count.
        """
        predicted = self._model({"tokens": tokens, "mel_in": mel_in}, training=False)["mel_out"]
        refined = predicted[:, :, self.settings.mels :]  # [batch, frames, mels]
        before = tf.pad(mel_out[:, :-1], [[0, 0], [1, 0], [0, 0]])
        guesses = tf.stack([refined, tf.zeros_like(refined), before])  # [3, batch, frames, mels]
        r = self._model.reduction  # the last group is silence
        counted = tf.cast(
            tf.pad(mel_out[:, r:, 0], [[0, 0], [0, r]], constant_values=PADDING) > PADDING / 2, tf.float32
        )
        distances = tf.reduce_mean(tf.abs(guesses - mel_out) * self._deviation, axis=-1)
        return tf.reduce_sum(distances * counted, axis=[1, 2]), tf.cast(tf.reduce_sum(counted), tf.int32)

    @tf.function(autograph=False, input_signature=[_IDS, _INT])
    def encode(self, ids, lengths):
        """ids [batch, text] int32 with the end token, lengths [batch] int32 -> all that `step` needs, [batch,
        ...]: "keys", "values" and "mask", which stay, the states, and the first "frame"."""
        ids = tf.where(tf.sequence_mask(lengths, tf.shape(ids)[1]), ids, 0)
        prepared, states = encode(self._model, ids)
        return {**prepared, **states, "frame": self._first_frame(ids)}

    @tf.function(autograph=False, input_signature=[_MEL, _INT])
    def refine(self, frames, count):
        """All "frames" of the steps [batch, frames, mels] and their count [batch] -> "mel" [batch, frames,
        mels], the log-mels after the postnet."""
        mask = tf.sequence_mask(count, tf.shape(frames)[1], tf.float32)
        mel = postnet(self._model, tf.ensure_shape(frames, [None, None, self.settings.mels]), mask)
        return {"mel": self._log_mel(mel, count)}

    @functools.cache  # noqa: B019 - a servable lives as long as its process
    def signatures(self):
        """The SavedModel's signatures by name."""
        outputs = self.encode.get_concrete_function().structured_outputs
        specs = {name: tf.TensorSpec(out.shape, out.dtype, name) for name, out in outputs.items()}

        @tf.function(autograph=False)
        def step(frame, **inputs):
            states = {name: inputs.pop(name) for name in self._model.state_names}
            frames, stop, alignment, states = stepper(self._model)(frame, states, inputs)
            after = {"frames": frames, "frame": frames[:, -1], "stop": tf.sigmoid(stop)}
            return {**after, "alignment": alignment, **states}

        return {
            "serving_default": self.serving_default,
            "synthesize": self.synthesize,
            "mel_to_audio": self.mel_to_audio,
            "tokenize": self.tokenize,
            "encode": self.encode,
            "step": step.get_concrete_function(**specs),
            "postnet": self.refine,
        }

    def example_requests(self):
        """A few short requests, (signature, inputs name -> array): to warm up and to compare runtimes."""
        size = self.tokenizer.size
        ids = tf.constant([[size // 2, size - 1, size // 3, size // 2, size - 2]])
        text = self.tokenizer.decode(tf.repeat(ids, 2, axis=0), tf.constant([5, 3])).numpy()
        knobs = {name: np.full(2, value, np.array(value).dtype) for name, value in DEFAULTS.items()}
        knobs = {n: k.astype(np.int32 if k.dtype.kind == "i" else np.float32) for n, k in knobs.items()}
        return [("synthesize", {"text": text, **knobs, "max_ratio": np.full(2, 0.1, np.float32)})]

    def _ids(self, text):
        """Ragged ids with the end token, and how many characters of each text the model lacks."""
        request = self.cleaner, self.tokenizer, text
        return transcripts.encode(*request), transcripts.left_out(*request)

    def _first_frame(self, ids):
        return tf.zeros([tf.shape(ids)[0], self.settings.mels])

    def _speak(self, ids, longest, threshold, window, dropout, seed):
        """Runs the decoder until each row has stopped; see `synthesize` for what it gives.

        "mel" is normalised; "frames" and "steps" count those until the row's stop, "stopped" is an index of
        `STOP_REASONS`.
        """
        prepared, states = encode(self._model, ids)
        step = stepper(self._model)
        batch, most = tf.shape(ids)[0], tf.reduce_max(longest)
        names = ("frames", "stop", "alignment")
        arrays = {name: tf.TensorArray(tf.float32, most) for name in names}

        def going(t, frame, states, place, steps, stopped, arrays):
            return (t < most) & tf.reduce_any(steps == 0)

        def body(t, frame, states, place, steps, stopped, arrays):
            seen = {**prepared, "mask": _window(prepared["mask"], place, window)}
            dropped = self._dropped(t, dropout, seed)
            frames, stop, alignment, states = step(frame, states, seen, dropped)
            stop = tf.sigmoid(stop)
            ends = (steps == 0) & ((stop > threshold) | (t + 1 >= longest))
            stopped = tf.where(ends & (stop > threshold), 1, stopped)
            steps = tf.where(ends, t + 1, steps)
            found = {"frames": frames, "stop": stop, "alignment": alignment}
            arrays = {name: arrays[name].write(t, found[name]) for name in names}
            place = tf.argmax(alignment, axis=1, output_type=tf.int32)
            return t + 1, frames[:, -1], states, place, steps, stopped, arrays

        none = tf.zeros([batch], tf.int32)
        loop = (0, self._first_frame(ids), states, none, none, none, arrays)
        count, *_, steps, stopped, arrays = tf.while_loop(going, body, loop)
        found = {name: _time_second(array, count) for name, array in arrays.items()}
        inside = tf.sequence_mask(steps, count, tf.float32)  # [batch, steps]
        mel = tf.reshape(found["frames"], [batch, -1, self.settings.mels])  # [batch, frames, mels]
        counts = steps * self._model.reduction
        mask = tf.sequence_mask(counts, tf.shape(mel)[1], tf.float32)
        return {
            "mel": postnet(self._model, mel, mask),
            "frames": counts,
            "steps": steps,
            "stopped": stopped,
            "stop": found["stop"] * inside,
            "alignment": found["alignment"] * inside[:, :, tf.newaxis],
        }

    def _dropped(self, t, dropout, seed):
        """Factors of the prenet's units, [batch, units] a layer, 0 or 1 / (1 - dropout): a function of each
        row's seed and the step."""
        masks, units = [], self._model.prenet_units
        for i in range(2):
            position = (2 * t + i) * units + tf.range(units)
            kept = uniform(seed, position) >= dropout[:, tf.newaxis]
            masks.append(tf.cast(kept, tf.float32) / (1.0 - dropout)[:, tf.newaxis])
        return masks

    def _log_mel(self, mel, frames):
        """Normalised -> log-mels; the floor's level beyond a row's frames."""
        mel = mel * self._deviation + self._mean
        real = tf.sequence_mask(frames, tf.shape(mel)[1])[:, :, tf.newaxis]
        return tf.where(real, mel, floor_of(self.settings))

    def _sound(self, mel, frames):
        waveform, samples = audio.mel_to_audio(mel, frames, self.settings)
        rate = self.settings.sample_rate
        return {
            "audio_bytes": audio.wav_bytes(waveform, samples, rate),
            "sample_rate": tf.fill(tf.shape(samples), rate),
            "seconds": tf.cast(samples, tf.float32) / rate,
            "waveform": waveform,
            "samples": samples,
        }


def _window(mask, place, window):
    """The mask [batch, text] without what is more than `window` characters after `place`, or more than one
    before it, where `window` is above 0."""
    distance = tf.range(tf.shape(mask)[1]) - place[:, tf.newaxis]  # [batch, text]
    width = window[:, tf.newaxis]
    near = (distance >= -1) & (distance <= width)
    return mask * tf.cast(near | (width <= 0), mask.dtype)


def _time_second(array, count):
    """[batch, steps, ...] of the first `count` tensors of an array."""
    stacked = array.gather(tf.range(count))
    return tf.transpose(stacked, [1, 0, *range(2, len(stacked.shape))])


def _checks(lengths, max_ratio, stop_threshold, window, prenet_dropout):
    """Assertions that end a request whose text or knobs are out of range, before any work is done."""
    ranges = {
        "text: a row has nothing to read aloud": lengths > 0,
        f"text: a row has more than {LONGEST} characters": lengths <= LONGEST,
        "max_ratio: must be from 0 to 10": (max_ratio >= 0) & (max_ratio <= 10),
        "stop_threshold: must be from 0 to 1": (stop_threshold >= 0) & (stop_threshold <= 1),
        "window: must not be negative": window >= 0,
        "prenet_dropout: must be from 0 to 0.9": (prenet_dropout >= 0) & (prenet_dropout <= 0.9),
    }
    return assertions(ranges)
