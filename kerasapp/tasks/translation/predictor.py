"""Translation in Python: sentences as strings, knobs as plain values."""

import numpy as np

from kerasapp.task import asking, strings
from kerasapp.tasks.translation.answers import TranslationAnswers, batches, require_short
from pipelines.atomic import write_text
from pipelines.text.sentences import encode


class Translator(TranslationAnswers):
    """A trained model that translates; what `kerasapp.load` gives for a run or an export.

    Args:
        task: the `Translation` task, with configuration and tokenizers.
        model: its trained model.
        servable: one to use; by default the task builds one of the model.

    Example:

        translator = kerasapp.load("saved_models/tatoeba-zh-en")
        for translation in translator.translate(["我很高兴。", "你好！"], beam_size=4):
            print(translation.text, translation.score)
    """

    def __init__(self, task, model, servable=None):
        self.task, self.model = task, model
        self.servable = servable or task.servable(model)
        super().__init__(asking(self.servable))

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
        lengths = self._lengths(sources), _lengths(self.servable.target_tokenizer, targets)
        for side, counts in zip(("source", "target"), lengths, strict=True):
            require_short(side, counts)
        answers = [None] * len(sources)
        for batch in batches(np.maximum(*lengths) + 1):
            found = self.servable.score(*(strings([side[i] for i in batch]) for side in (sources, targets)))
            rows = zip(
                found["log_probability"].numpy().tolist(), found["tokens"].numpy().tolist(), strict=True
            )
            for i, (log_probability, tokens) in zip(batch, rows, strict=True):
                answers[i] = {"log_probability": log_probability, "tokens": tokens}
        return answers

    def evaluate(self, split=None, progress=None, beam_size=4, output=None):
        """Figures on a split of the configuration's data (see `kerasapp.tasks.translation.task.Translation`).

        Args:
            output: a file for the translations, one a line, in the order of the data.
        """
        figures, texts = self.task.evaluate(self, split, progress, beam_size)
        if output:
            write_text(output, "".join(f"{text}\n" for text in texts))
        return figures


def _lengths(tokenizer, texts):
    """The tokens of each text, int32 [texts]."""
    parts = [strings(texts[start : start + 1024]) for start in range(0, len(texts), 1024)]
    found = [encode(tokenizer, part).row_lengths().numpy() for part in parts]
    return np.concatenate([np.zeros(0, np.int32), *found]).astype(np.int32)
