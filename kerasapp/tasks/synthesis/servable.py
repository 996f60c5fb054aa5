"""The servable of `synthesis`: text in, speech out, in one graph."""

import functools

import numpy as np
import tensorflow as tf

from kerasapp.task import assertions, filled, in_range, knob_specs
from kerasapp.tasks.synthesis.alignment_health import alignment_health
from kerasapp.tasks.synthesis.answers import LONGEST, SPARE
from kerasapp.tasks.synthesis.model import encode, postnet, step
from kerasapp.tasks.synthesis.speaking import speak
from kerasapp.tasks.synthesis.spec import SPEC
from pipelines.speech import audio, transcripts
from pipelines.speech.clips import PADDING

STOP_REASONS = ("cap", "stop_token")

_INT = tf.TensorSpec([None], tf.int32)
_STRING = tf.TensorSpec([None], tf.string)
_IDS = tf.TensorSpec([None, None], tf.int32)
_MEL = tf.TensorSpec([None, None, None], tf.float32)


class SynthesisServable(tf.Module):
    """Everything that answers: local synthesis, evaluation, the SavedModel and the phone come from here.

    A row's answer depends on no other row, and not on how many there are. Only the last bits of its
    spectrogram may, by the order in which a product of matrices is summed; the phases that Griffin-Lim finds
    make more of them: a wave is the same to about a thousandth of full scale.

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
        "seconds" float32 [batch]; with the defaults of `SPEC`. A row that cannot be read refuses the whole
        request, as in `synthesize`."""
        spoken = self.synthesize(text, **filled(SPEC.knobs, text))
        return {name: spoken[name] for name in ("audio_bytes", "sample_rate", "seconds")}

    @tf.function(autograph=False, input_signature=[_STRING, *knob_specs(SPEC.knobs)])
    def synthesize(self, text, max_ratio, stop_threshold, window, prenet_dropout, seed):
        """Reads each text aloud.

        A text in which nothing can be read is an error, so no answer is mute. It, one that is too long, or a
        knob out of range refuses the request as a whole, all its rows: an answer of TensorFlow Serving has no
        place for an error of a row. `tokenize` tells before what of a text is read.

        Args, each [batch], one value per row:
            text: string; of up to `LONGEST` characters.
            max_ratio: float32, most seconds of speech per character, plus `SPARE` seconds.
            stop_threshold: float32, from 0 to 1: the probability of the stop token that ends the speech.
            window: int32; above 0 the attention moves by at most so many characters per step, and at most one
                back. 0 leaves it free.
            prenet_dropout: float32, from 0 to below 1: share of the prenet's units dropped, as in training,
                which varies the speech (Shen et al. 2018, arXiv:1712.05884). seed: int32, of that dropout.

        Returns:
            "audio_bytes" string, "sample_rate" int32, "seconds" float32: [batch], as of `serving_default`;
                "waveform" float32 [batch, samples], "samples" int32 [batch].
            "mel" float32 [batch, frames, mels], as `pipelines.speech.audio.log_mel` gives, "frames" [batch].
            "alignment" float32 [batch, steps, characters], "stop" float32 [batch, steps], the probability of
                the stop token, "steps" int32 [batch]; "tokens" string [batch, characters], then "".
            "stop_reason" string [batch]: "stop_token", or "cap" where `max_ratio` ended it.
            "coverage" float32, "backward_steps" int32, "sharpness" float32, "aligned" int32: [batch], see
                `alignment_health`. "left_out" int32 [batch]: characters of the text that the model lacks.
        """
        spoken = self.spectrogram(text, max_ratio, stop_threshold, window, prenet_dropout, seed)
        return {**spoken, **self._sound(spoken["mel"], spoken["frames"])}

    @tf.function(autograph=False, input_signature=[_STRING, *knob_specs(SPEC.knobs)])
    def spectrogram(self, text, max_ratio, stop_threshold, window, prenet_dropout, seed):
        """What `synthesize` gives, without the sound."""
        ids, left_out = self._ids(text)
        lengths = tf.cast(ids.row_lengths(), tf.int32)  # with the end
        known = lengths - 1
        readable = {
            "text: a row has nothing to read aloud": known > 0,
            f"text: a row has more than {LONGEST} characters": known <= LONGEST,
        }
        knobs = max_ratio, stop_threshold, window, prenet_dropout, seed
        with tf.control_dependencies([*assertions(readable), *in_range(SPEC.knobs, knobs)]):
            ids = _padded(ids)  # [batch, text]
            seconds = max_ratio * tf.cast(lengths - 1, tf.float32) + SPARE
            longest = tf.cast(tf.math.ceil(seconds / self._step_seconds), tf.int32)
        spoken = speak(self._model, ids, longest, stop_threshold, window, prenet_dropout, seed)
        reason = tf.gather(tf.constant(STOP_REASONS), spoken.pop("stopped"))
        mel = self._log_mel(spoken.pop("mel"), spoken["frames"])
        real = tf.sequence_mask(lengths, tf.shape(ids)[1])
        return {
            **spoken,
            **alignment_health(spoken["alignment"], spoken["steps"], lengths),
            "mel": mel,
            "stop_reason": reason,
            "tokens": tf.where(real, self.tokenizer.pieces(ids), ""),
            "left_out": left_out,
        }

    @tf.function(autograph=False, input_signature=[_MEL, _INT])
    def mel_to_audio(self, mel, frames):
        """mel float32 [batch, frames, mels], log-mels, frames int32 [batch] -> "audio_bytes", "sample_rate",
        "seconds", "waveform" and "samples" as of `synthesize`. A row whose frames are not all finite numbers
        refuses the request."""
        mel = tf.ensure_shape(mel, [None, None, self.settings.mels])
        inside = tf.sequence_mask(frames, tf.shape(mel)[1])[:, :, tf.newaxis]
        finite = tf.math.is_finite(mel) | ~inside
        with tf.control_dependencies(assertions({"mel: must be finite numbers": finite})):
            return self._sound(tf.identity(mel), frames)

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
            frames). The silent group after a clip does not count; silent frames that fill its own last
            group, up to `reduction` - 1, do.
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
        ...]: "keys", "values" and "mask", which stay, the states, and the first "frame". What stands in a row
        beyond its length does not count; an id in it that no character has refuses the request."""
        text, size = tf.shape(ids)[1], self.tokenizer.size
        inside = tf.sequence_mask(lengths, text)
        ranges = {
            "lengths: must be from 1 to the width of ids": (lengths >= 1) & (lengths <= text),
            f"ids: must be from 1 to {size - 1} in a row's length": ~inside | ((ids >= 1) & (ids < size)),
        }
        with tf.control_dependencies(assertions(ranges)):
            ids = tf.where(inside, ids, 0)
        prepared, states = encode(self._model, ids)
        return {**prepared, **states, "frame": tf.zeros([tf.shape(ids)[0], self.settings.mels])}

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
        def one_step(frame, **inputs):
            states = {name: inputs.pop(name) for name in self._model.state_names}
            frames, stop, alignment, states = step(self._model, frame, states, inputs)
            after = {"frames": frames, "frame": frames[:, -1], "stop": tf.sigmoid(stop)}
            return {**after, "alignment": alignment, **states}

        return {
            "serving_default": self.serving_default,
            "synthesize": self.synthesize,
            "mel_to_audio": self.mel_to_audio,
            "tokenize": self.tokenize,
            "encode": self.encode,
            "step": one_step.get_concrete_function(**specs),
            "postnet": self.refine,
        }

    def example_requests(self):
        """A few short requests, (signature, inputs name -> array): to warm up and to compare runtimes."""
        size = self.tokenizer.size
        ids = tf.constant([[size // 2, size - 1, size // 3, size // 2, size - 2]])
        text = self.tokenizer.decode(tf.repeat(ids, 2, axis=0), tf.constant([5, 3])).numpy()
        knobs = {name: knob.numpy() for name, knob in filled(SPEC.knobs, text).items()}
        return [("synthesize", {"text": text, **knobs, "max_ratio": np.full(2, 0.1, np.float32)})]

    def _ids(self, text):
        """Ragged ids with the end token, and how many characters of each text the model lacks."""
        request = self.cleaner, self.tokenizer, text
        return transcripts.encode(*request), transcripts.left_out(*request)

    def _log_mel(self, mel, frames):
        """Normalised -> log-mels; the floor's level beyond a row's frames."""
        mel = mel * self._deviation + self._mean
        real = tf.sequence_mask(frames, tf.shape(mel)[1])[:, :, tf.newaxis]
        return tf.where(real, mel, audio.log_floor(self.settings))

    def _sound(self, mel, frames):
        waveform, samples = audio.mel_to_audio(mel, frames, self.settings)
        waveform = tf.clip_by_value(waveform, -1.0, 1.0)  # as the WAV file is
        rate = self.settings.sample_rate
        return {
            "audio_bytes": audio.wav_bytes(waveform, samples, rate),
            "sample_rate": tf.fill(tf.shape(samples), rate),
            "seconds": tf.cast(samples, tf.float32) / rate,
            "waveform": waveform,
            "samples": samples,
        }


def _padded(ids):
    """Ragged ids as a tensor [batch, text], which has a column even if there is no row."""
    ids = ids.to_tensor()
    return tf.pad(ids, [[0, 0], [0, tf.maximum(1 - tf.shape(ids)[1], 0)]])
