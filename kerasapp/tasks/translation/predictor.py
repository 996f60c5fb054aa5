"""Translation in Python: sentences as strings, knobs as plain values."""

import numpy as np

from kerasapp.knobs import texts
from kerasapp.task import Predictor, strings
from kerasapp.tasks.translation.answers import TranslationAnswers, batches, require_short
from pipelines.text.sentences import encode


class Translator(Predictor, TranslationAnswers):
    """A trained model that translates: what `kerasapp.load` returns for a run or an export of translation.

    Example:

        translator = kerasapp.load("saved_models/tatoeba-zh-en")
        for translation in translator.translate(["我很高兴。", "你好！"], beam_size=4):
            print(translation.text, translation.score)
    """

    def embed(self, sentences, progress=None):
        if not self.servable.embeds:
            attention = self.model.attention_name
            raise ValueError(f"no vector stands for a sentence in a model with attention, here {attention}")
        return super().embed(sentences, progress)

    embed.__doc__ = TranslationAnswers.embed.__doc__

    def score(self, sources, targets):
        """How likely the model finds each translation: list of {"log_probability", "tokens"}.

        Raises: ValueError for lists of different lengths, or a sentence that is too long.
        """
        if len(sources) != len(targets):
            raise ValueError(f"{len(sources)} sources and {len(targets)} targets: expected as many")
        lengths = self._token_counts(sources), _lengths(self.servable.target_tokenizer, targets)
        for side, counts in zip(("source", "target"), lengths, strict=True):
            require_short(side, counts)
        inputs = {"source": texts(sources), "target": texts(targets)}
        rows = self._rows("score", inputs, batches(np.maximum(*lengths) + 1))
        return [{"log_probability": float(r["log_probability"]), "tokens": int(r["tokens"])} for r in rows]


def _lengths(tokenizer, sentences):
    """The tokens of each sentence, int32 [sentences]."""
    chunks = [strings(sentences[start : start + 1024]) for start in range(0, len(sentences), 1024)]
    found = [encode(tokenizer, chunk).row_lengths().numpy() for chunk in chunks]
    return np.concatenate([np.zeros(0, np.int32), *found]).astype(np.int32)
