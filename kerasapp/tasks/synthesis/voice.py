"""What a model that reads aloud has to know of its training data."""

import json
import math
from pathlib import Path
from typing import NamedTuple

from pipelines.atomic import write_text
from pipelines.errors import DataError
from pipelines.text.tokenizers import Tokenizer

FILES = ("tokenizer.json", "statistics.json")


class Voice(NamedTuple):
    """What the training data say of texts and frames: the characters, and the mean and the deviation of each
    mel channel, float lists [mels]."""

    tokenizer: Tokenizer
    mean: list
    deviation: list

    def save(self, folder):
        """Writes `FILES` to a folder."""
        tokenizer, statistics = (Path(folder) / name for name in FILES)
        self.tokenizer.save(tokenizer)
        write_text(statistics, json.dumps({"mean": self.mean, "deviation": self.deviation}) + "\n")

    @classmethod
    def load(cls, folder):
        """Reads what `save` wrote. Raises: DataError naming the file."""
        tokenizer, statistics = (Path(folder) / name for name in FILES)
        return cls(Tokenizer.load(tokenizer), *_load_statistics(statistics))


def _load_statistics(path):
    """(mean, deviation) of the mel channels, lists of as many numbers."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        mean, deviation = ([float(value) for value in found[key]] for key in ("mean", "deviation"))
    except OSError as error:
        raise DataError(f"{path}: cannot read the mel statistics: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise DataError(f"{path}: not a file of mel statistics of kerasapp ({error!r})") from error
    finite = all(map(math.isfinite, mean + deviation))
    if not mean or len(mean) != len(deviation) or not finite or min(deviation) <= 0:
        raise DataError(f"{path}: expected a mean, and a deviation above 0, for each mel channel")
    return mean, deviation
