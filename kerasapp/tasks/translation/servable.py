"""The servable of `translation`: a sentence in, its translation out, in one graph."""

import functools

import numpy as np
import tensorflow as tf

from kerasapp.decoding.beam_search import BeamSearch, beam_search
from kerasapp.task import assertions, filled, in_range, knob_specs
from kerasapp.tasks.translation.answers import LONGEST
from kerasapp.tasks.translation.model import encode, step, step_function
from kerasapp.tasks.translation.spec import SPEC
from kerasapp.tasks.translation.steps import limits, step_signatures
from pipelines.text import sentences
from pipelines.text.sequences import token_nats

_INT = tf.TensorSpec([None], tf.int32)
_STRING = tf.TensorSpec([None], tf.string)
_IDS = tf.TensorSpec([None, None], tf.int32)


class TranslationServable(tf.Module):
    """Everything that answers: local translation, evaluation, the SavedModel and the phone come from here.

    Args:
        model: a `TranslationModel`.
        tokenizers: those of source and target that it was trained with.
    """

    def __init__(self, model, tokenizers):
        super().__init__(name="translation")
        self.source_tokenizer, self.target_tokenizer = tokenizers
        self._model = model
        target = self.target_tokenizer
        never = (target.pad_id, target.unknown_id, target.start_id)
        # Added to logits: tokens that are no text are never chosen.
        self._allowed = tf.constant([float("-inf") if i in never else 0.0 for i in range(target.size)])

    @tf.function(autograph=False, input_signature=[_STRING])
    def serving_default(self, source):
        """source [batch] string -> translation [batch] string, with the defaults of `SPEC`."""
        return {"translation": self.translate(source, **filled(SPEC.knobs, source))["translation"]}

    @tf.function(autograph=False, input_signature=[_STRING, *knob_specs(SPEC.knobs)])
    def translate(self, source, beam_size, length_penalty, coverage_penalty, n_best, min_ratio, max_ratio):
        """Translates each sentence; a blank one has a blank translation.

        Args, each [batch], one value per row (see `kerasapp.decoding.beam_search.BeamSearch`):
            source: string; of up to `LONGEST` tokens.
            beam_size: int32, from 1 (greedy) to 64.
            length_penalty, coverage_penalty: float32.
            n_best: int32, from 1 to `beam_size`; translations to give.
            min_ratio, max_ratio: float32; the tokens of a translation are at least `min_ratio` and at most
                `max_ratio` times those of the source, and `SPARE` more.

        Returns:
            "translation" string [batch], "score" float32 [batch], "finished" int32 [batch]: 0 where the
                translation had reached its greatest length and did not end.
            "translations" string, "scores" float32 [batch, most n_best], "count" int32 [batch], how many of
                them there are; then "" and 0. They differ: of equal texts there is the first.
            "source_tokens" string [batch, source], "target_tokens" string [batch, target], with the end
                tokens, then ""; "alignment" float32 [batch, target, source] between them.
        """
        ids = sentences.encode(self.source_tokenizer, source)
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        knobs = beam_size, length_penalty, coverage_penalty, n_best, min_ratio, max_ratio
        with tf.control_dependencies([_fits(lengths), *in_range(SPEC.knobs, knobs)]):
            ids = self._ended(ids)
            shortest, longest = limits(lengths, min_ratio, max_ratio)
            # A list: `map` would call later, and the search begin before its checks.
            searched = [tf.identity(knob) for knob in (beam_size, length_penalty, coverage_penalty)]
        knobs = BeamSearch(*searched, shortest, longest)
        found = self._search(ids, lengths + 1, knobs)
        blank = lengths == 0
        texts, scores = _merged(self._texts(found, blank), found.scores)  # [batch, beams]
        most = tf.reduce_max(n_best)
        wanted = tf.where(blank, 1, n_best)[:, tf.newaxis]  # a blank sentence has one translation
        real = (tf.range(tf.shape(texts)[1]) < wanted) & (scores > float("-inf"))
        scores = tf.where(real & ~blank[:, tf.newaxis], scores, 0.0)
        return {
            "translation": texts[:, 0],
            "score": scores[:, 0],
            "finished": tf.cast(found.finished[:, 0] | blank, tf.int32),
            "translations": tf.where(real, texts, "")[:, :most],
            "scores": scores[:, :most],
            "count": tf.reduce_sum(tf.cast(real, tf.int32), axis=1),
            **self._alignment(ids, lengths, found),
        }

    @tf.function(autograph=False, input_signature=[_STRING, _STRING])
    def score(self, source, target):
        """source, target [batch] string -> "log_probability" float32 [batch], ln p(target | source), the end
        included; "tokens" int32 [batch], those that it is the sum of."""
        ids = sentences.encode(self.source_tokenizer, source)
        target_ids = sentences.encode(self.target_tokenizer, target)
        longest = tf.cast(
            tf.maximum(tf.reduce_max(ids.row_lengths()), tf.reduce_max(target_ids.row_lengths())), tf.int32
        )
        with tf.control_dependencies([_fits(longest)]):
            target_out = self._ended(target_ids)
        start = tf.fill([tf.shape(source)[0], 1], self.target_tokenizer.start_id)
        target_in = tf.concat([start, target_ids.to_tensor()], axis=1)  # [batch, time]
        nats = self.nats(self._ended(ids), target_in, target_out)
        return {"log_probability": -nats, "tokens": tf.cast(target_ids.row_lengths(), tf.int32) + 1}

    @tf.function(autograph=False, input_signature=[_IDS, _IDS, _IDS])
    def nats(self, source, target_in, target_out):
        """-ln p [batch] of the tokens `target_out` that are not padding, all [batch, time], with the nats
        that spell unknown characters."""
        logits = self._model({"source": source, "target_in": target_in}, training=False)
        nats = token_nats(self.target_tokenizer, target_out, logits)  # [batch, time]
        return tf.reduce_sum(tf.where(target_out == self.target_tokenizer.pad_id, 0.0, nats), axis=1)

    @tf.function(autograph=False, input_signature=[_STRING])
    def tokenize(self, text):
        """text [batch] string, of the source -> "ids" int32 [batch, length] with the end token, padded with
        0, "lengths" int32 [batch], and "start" int32 [batch], the first token to give to `step`."""
        ids = sentences.encode(self.source_tokenizer, text)
        start = tf.fill(tf.shape(text), self.target_tokenizer.start_id)
        return {"ids": self._ended(ids), "lengths": tf.cast(ids.row_lengths(), tf.int32) + 1, "start": start}

    @tf.function(autograph=False, input_signature=[_IDS, _INT])
    def detokenize(self, ids, lengths):
        """ids [batch, length] int32 of the target, lengths [batch] int32 -> "text" string [batch]."""
        return {"text": sentences.decode(self.target_tokenizer, ids, lengths)}

    @tf.function(autograph=False, input_signature=[_IDS, _INT])
    def encode(self, ids, lengths):
        """ids [batch, source] int32 with the end token, lengths [batch] int32 -> all that `step` needs beside
        the token, [batch, ...]: "keys", "values" and "mask", which stay, and the states. More than `LONGEST`
        tokens and the end are refused."""
        with tf.control_dependencies([_fits(tf.shape(ids)[1] - 1)]):
            ids = _masked(ids, lengths)
        prepared, states = encode(self._model, ids)
        return {**prepared, **states}

    @tf.function(autograph=False, input_signature=[_STRING])
    def embed(self, text):
        """text [batch] string -> "embedding" float32 [batch, size]: all that the decoder of a model without
        attention gets of a sentence, the encoder's last states, numbers between -1 and 1, -N and N with N
        layers (Sutskever et al. 2014, arXiv:1409.3215). Zeros of a blank one; one of more than `LONGEST`
        tokens is refused."""
        ids = sentences.encode(self.source_tokenizer, text)
        lengths = tf.cast(ids.row_lengths(), tf.int32)
        with tf.control_dependencies([_fits(lengths)]):
            ids = self._ended(ids)
        vectors = tf.squeeze(encode(self._model, ids)[0]["values"], 1)  # [batch, size]
        return {"embedding": tf.where(lengths[:, tf.newaxis] > 0, vectors, 0.0)}

    @property
    def embeds(self):
        """Whether the model has a vector that stands for a sentence: one without attention has."""
        return self._model.attention_name == "none"

    @functools.cache  # noqa: B019 - a servable lives as long as its process
    def signatures(self):
        """The SavedModel's signatures by name."""
        outputs = self.encode.get_concrete_function().structured_outputs
        specs = {name: tf.TensorSpec(out.shape, out.dtype, name) for name, out in outputs.items()}

        return {
            "serving_default": self.serving_default,
            "translate": self.translate,
            "score": self.score,
            "tokenize": self.tokenize,
            "detokenize": self.detokenize,
            "encode": self.encode,
            **({"embed": self.embed} if self.embeds else {}),
            **step_signatures(
                specs, self._model.state_names, self._step, self._allowed, self.target_tokenizer.end_id
            ),
        }

    def example_requests(self):
        """A few short requests, (signature, inputs name -> array): to warm up and to compare runtimes."""
        size = self.source_tokenizer.size
        ids = tf.constant([[size // 2, size // 3, size // 4, size - 1, size // 5]])
        source = sentences.decode(
            self.source_tokenizer, tf.repeat(ids, 3, axis=0), tf.constant([5, 2, 0])
        ).numpy()
        knobs = {name: knob.numpy() for name, knob in filled(SPEC.knobs, source).items()}
        knobs["n_best"] = np.array([1, 2, 1], np.int32)
        found = [("translate", {"source": source, **knobs}), ("score", {"source": source, "target": source})]
        return [*found, ("embed", {"text": source})] if self.embeds else found

    def _step(self, ids, inputs):
        """The decoder after `ids` [batch], from what `encode` gives: (logits, alignment, states)."""
        states = {name: inputs[name] for name in self._model.state_names}
        prepared = {name: inputs[name] for name in inputs if name not in states}
        return step(self._model, ids, states, prepared)

    def _ended(self, ids):
        """Ragged ids [batch, None] -> int32 [batch, longest + 1], with the end token, padded with 0."""
        end = tf.fill([ids.nrows(), 1], self.target_tokenizer.end_id)
        return tf.concat([ids, tf.RaggedTensor.from_tensor(end)], axis=1).to_tensor()

    def _search(self, ids, lengths, knobs):
        prepared, states = encode(self._model, ids)
        return beam_search(
            step_function(self._model),
            states,
            prepared,
            lengths,
            knobs,
            start_id=self.target_tokenizer.start_id,
            end_id=self.target_tokenizer.end_id,
            allowed=self._allowed,
        )

    def _texts(self, found, blank):
        """The text of each hypothesis, string [batch, beams]; "" of a blank sentence."""
        batch, beams = tf.unstack(tf.shape(found.lengths))
        ids = tf.reshape(found.ids, [batch * beams, -1])
        texts = sentences.decode(self.target_tokenizer, ids, tf.reshape(found.lengths, [-1]))
        return tf.where(blank[:, tf.newaxis], "", tf.reshape(texts, [batch, beams]))

    def _alignment(self, ids, lengths, found):
        """The tokens of source and best hypothesis and the alignment between them, see `translate`."""
        target, count = found.ids[:, 0], found.lengths[:, 0]
        ended = found.finished[:, 0] & (lengths > 0)
        count = tf.where(lengths > 0, count, 0)
        target = tf.pad(target, [[0, 0], [0, 1]])  # [batch, target]
        places = tf.range(tf.shape(target)[1])
        target = tf.where(
            (places == count[:, tf.newaxis]) & ended[:, tf.newaxis], self.target_tokenizer.end_id, target
        )
        inside = places < (count + tf.cast(ended, tf.int32))[:, tf.newaxis]
        real = (ids != self.source_tokenizer.pad_id) & (lengths > 0)[:, tf.newaxis]
        return {
            "source_tokens": tf.where(real, self.source_tokenizer.pieces(ids), ""),
            "target_tokens": tf.where(inside, self.target_tokenizer.pieces(target), ""),
            "alignment": tf.where(inside[..., tf.newaxis], found.alignment[:, 0], 0.0),
        }


def _merged(texts, scores):
    """Hypotheses [batch, beams], each text once: one that is there again is "" and -inf, at the end."""
    places = tf.range(tf.shape(texts)[1])
    same = texts[:, :, tf.newaxis] == texts[:, tf.newaxis, :]  # [batch, beams, beams]
    again = tf.reduce_any(same & (places[:, tf.newaxis] > places), axis=2)
    order = tf.argsort(tf.cast(again, tf.int32), axis=1, stable=True)
    merged = tf.where(again, "", texts), tf.where(again, float("-inf"), scores)
    return [tf.gather(rows, order, batch_dims=1) for rows in merged]


def _masked(ids, lengths):
    return tf.where(tf.sequence_mask(lengths, tf.shape(ids)[1]), ids, 0)


def _fits(lengths):
    """An assertion that no sentence has more than `LONGEST` tokens."""
    return assertions({f"source: a sentence has more than {LONGEST} tokens": lengths <= LONGEST})[0]
