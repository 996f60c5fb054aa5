"""The servable of `generation`: strings in, text out, in one graph."""

import functools

import numpy as np
import tensorflow as tf

from kerasapp.decoding.sampling import Sampling, cut, sample
from kerasapp.layers import windows
from kerasapp.layers.batch import split_batch
from kerasapp.layers.stack import transposed
from kerasapp.task import filled, in_range, knob_specs
from kerasapp.tasks.generation.model import step, step_function, window
from kerasapp.tasks.generation.spec import SPEC
from kerasapp.tasks.generation.steps import step_signatures
from pipelines.text.normalisation import normalise
from pipelines.text.sequences import token_nats

PIECE = 1024  # tokens sampled at once: bounds the memory, whatever the length
MANY = 8  # rows from which on a batch is sampled transposed, in two halves
STOP_CHECK = 32  # tokens sampled between two searches for a stop string

_INT = tf.TensorSpec([None], tf.int32)
_STRING = tf.TensorSpec([None], tf.string)
_IDS = tf.TensorSpec([None, None], tf.int32)


class GenerationServable(tf.Module):
    """Everything that answers: local generation, evaluation, the SavedModel and the phone come from here.

    Every text is read as if it began a line: the model is fed the line break first, from states of zeros.

    Args:
        model: a `GenerationModel`.
        tokenizer: the `pipelines.text.tokenizers.Tokenizer` that it was trained with.
    """

    def __init__(self, model, tokenizer):
        super().__init__(name="generation")
        self.tokenizer = tokenizer
        self.state_names = model.state_names
        self._units = model.units
        self._model = model
        special = {tokenizer.pad_id, tokenizer.unknown_id, tokenizer.start_id, tokenizer.end_id}
        # Added to logits before sampling: tokens that are no text are never chosen.
        self._text_only = tf.constant(
            [float("-inf") if i in special else 0.0 for i in range(tokenizer.size)], tf.float32
        )

    @tf.function(autograph=False, input_signature=[_STRING])
    def serving_default(self, prompt):
        """prompt [batch] string -> text [batch] string, with the defaults of `SPEC`."""
        return {"text": self.generate(prompt, **filled(SPEC.knobs, prompt))["text"]}

    @tf.function(autograph=False, input_signature=[_STRING, *knob_specs(SPEC.knobs)])
    def generate(self, prompt, length, temperature, top_k, top_p, seed, stop):
        """Continues each prompt by up to `length` tokens.

        Args, each [batch], one value per row (see `kerasapp.decoding.sampling.Sampling`):
            prompt: string; any text, the empty one too.
            length: int32; tokens to generate.
            temperature: float32. top_k: int32. top_p: float32. seed: int32.
            stop: string; the text ends before this string comes, "" for none.

        Returns: "text" string, without the prompt; "tokens" int32, how many were generated, the stop
            string's among them; "stop_reason" string, "length" or "stop".
        """
        sampling = Sampling(temperature, top_k, top_p, seed)
        with tf.control_dependencies(in_range(SPEC.knobs, (length, *sampling, stop))):
            logits, states = self.begin(prompt)
        stop = normalise(stop, self.tokenizer.normalisation)
        longest = tf.reduce_max(tf.concat([length, [0]], 0))
        piece = tf.where(tf.reduce_any(stop != ""), STOP_CHECK, PIECE)

        def more(done, tokens, logits, states, counts, finished):
            return (done < longest) & ~tf.reduce_all(finished)

        def generate_piece(done, tokens, logits, states, counts, finished):
            count = tf.minimum(piece, longest - done)
            new, logits, states = self._sample(logits, states, sampling, done, count)
            tokens = tf.concat([tokens, new], axis=1)  # [batch, done + count]
            done += count
            counts = tf.where(finished, counts, tf.minimum(length, done))
            stopped = tf.cond(
                tf.reduce_any(stop != ""),
                lambda: cut(self.tokenizer.decode(tokens, counts), stop)[1],
                lambda: tf.zeros_like(finished),
            )
            return done, tokens, logits, states, counts, (done >= length) | stopped

        states_shape = {name: tf.TensorShape([None, self._units]) for name in self.state_names}
        nothing = tf.zeros([tf.shape(prompt)[0], 0], tf.int32)
        _, tokens, _, _, counts, _ = tf.while_loop(
            more,
            generate_piece,
            (0, nothing, logits, states, tf.zeros_like(length), length <= 0),
            shape_invariants=(
                tf.TensorShape([]),
                tf.TensorShape([None, None]),
                tf.TensorShape([None, self.tokenizer.size]),
                states_shape,
                tf.TensorShape([None]),
                tf.TensorShape([None]),
            ),
        )
        text, stopped = cut(self.tokenizer.decode(tokens, counts), stop)
        return {"text": text, "tokens": counts, "stop_reason": tf.where(stopped, "stop", "length")}

    @tf.function(autograph=False, input_signature=[_STRING])
    def score(self, text):
        """text [batch] string -> "nats" float32 [batch], the sum of -ln p(token | all before) over the text,
        with those that spell unknown characters; "characters" int32 [batch], of the normalised text."""
        ids = self.tokenizer.encode(text)
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        rows = self._after_line_break(ids).to_tensor()[:, :-1], ids.to_tensor()
        nats = windows.total(self.score_window, rows, lengths, self.zero_states(tf.shape(text)[0]))
        characters = tf.strings.length(normalise(text, self.tokenizer.normalisation), "UTF8_CHAR")
        return {"nats": nats, "characters": characters}

    @tf.function(autograph=False, reduce_retracing=True)
    def score_window(self, tokens, targets, counted, states):
        """Scores one window of texts that go on: tokens, targets [batch, time] int32, counted [batch, time]
        bool, states -> (nats of the counted targets [batch], states)."""
        logits, states = window(self._model, tokens, states)
        nats = token_nats(self.tokenizer, targets, logits)  # [batch, time]
        return tf.reduce_sum(tf.where(counted, nats, 0.0), axis=1), states

    @tf.function(autograph=False, input_signature=[_STRING])
    def tokenize(self, text):
        """text [batch] string -> "ids" int32 [batch, length] padded with 0, "lengths" int32 [batch];
        "context" int32 [batch], the id to prefill before them: the line break; "normalised" string [batch],
        the text as the tokens have it: a stop string is compared in this form."""
        ids = self.tokenizer.encode(text)
        return {
            "ids": ids.to_tensor(),
            "lengths": tf.cast(ids.row_lengths(), tf.int32),
            "context": tf.fill(tf.shape(text), self.tokenizer.line_break_id),
            "normalised": normalise(text, self.tokenizer.normalisation),
        }

    @tf.function(autograph=False, input_signature=[_IDS, _INT])
    def detokenize(self, ids, lengths):
        """ids [batch, length], lengths [batch] int32 -> "text" string [batch]."""
        return {"text": self.tokenizer.decode(ids, lengths)}

    @functools.cache  # noqa: B019 - a servable lives as long as its process
    def signatures(self):
        """The SavedModel's signatures by name."""
        states = {name: tf.TensorSpec([None, self._units], tf.float32, name) for name in self.state_names}
        return {
            "serving_default": self.serving_default,
            "generate": self.generate,
            "score": self.score,
            "tokenize": self.tokenize,
            "detokenize": self.detokenize,
            **step_signatures(states, self._read, functools.partial(step, self._model), self._text_only),
        }

    def example_requests(self):
        """A few short requests, (signature, inputs name -> array): to warm up and to compare runtimes."""
        prompts = np.array(["", "The ", "In the beginning "], object)
        rows = len(prompts)
        knobs = {
            "length": np.full(rows, 20, np.int32),
            "temperature": np.array([0.0, 0.8, 1.0], np.float32),
            "top_k": np.array([0, 0, 10], np.int32),
            "top_p": np.array([1.0, 0.9, 1.0], np.float32),
            "seed": np.arange(rows, dtype=np.int32),
            "stop": np.full(rows, "", object),
        }
        return [("generate", {"prompt": prompts, **knobs}), ("score", {"text": prompts})]

    @tf.function(autograph=False, input_signature=[_STRING])
    def begin(self, prompt):
        """prompt [batch] string -> (logits [batch, vocabulary] of the first token, states)."""
        logits, states = self._read(*self._context(prompt))
        return logits + self._text_only, states

    @tf.function(autograph=False)
    def proceed(self, logits, states, sampling, done, count):
        """Samples `count` tokens after `done` others: (tokens [batch, count], logits, states)."""
        return self._sample(logits, states, sampling, done, count)

    def zero_states(self, batch):
        """The states that every text starts from: name -> float32 [batch, units]."""
        return {name: tf.zeros([batch, self._units]) for name in self.state_names}

    def _after_line_break(self, ids):
        start = tf.fill([ids.nrows(), 1], tf.constant(self.tokenizer.line_break_id, tf.int32))
        return tf.concat([tf.RaggedTensor.from_tensor(start), ids], axis=1)

    def _context(self, prompt):
        """prompt [batch] string -> ids [batch, 1 + length] from the line break on, lengths [batch]."""
        ids = self._after_line_break(self.tokenizer.encode(prompt))
        return ids.to_tensor(), tf.cast(ids.row_lengths(), tf.int32)

    def _read(self, ids, lengths, states=None):
        """Reads ids [batch, length]: (logits after each row's last id, states)."""
        states = states or self.zero_states(tf.shape(ids)[0])
        return windows.read(functools.partial(window, self._model), ids, lengths, states, self.tokenizer.size)

    def _sample(self, logits, states, sampling, done, count):
        """Samples by the faster form: products [batch, k] x [k, units] for a few rows, transposed ones in two
        halves for many (benchmarks/sampling.py compares them)."""

        def sampled(step, logits, states, sampling):
            def text_step(tokens, states):
                logits, states = step(tokens, states)
                return logits + self._text_only, states

            return sample(text_step, logits, states, sampling, done, count)

        def few():
            return sampled(functools.partial(step, self._model), logits, states, sampling)

        def many():
            fast_step = step_function(self._model)

            def half(rows):
                logits, states, sampling = rows
                tokens, logits, states = sampled(fast_step, logits, transposed(states), sampling)
                return tokens, logits, transposed(states)

            return split_batch(half, (logits, states, sampling))

        return tf.cond(tf.shape(logits)[0] < MANY, few, many)
