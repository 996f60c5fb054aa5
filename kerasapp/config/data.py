"""What the sections `data` of all tasks have in common: the split."""

from dataclasses import dataclass
from typing import ClassVar

from kerasapp.config.checks import Section, show
from kerasapp.errors import ConfigError

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class DataSection(Section):
    """Base of the sections `data`. A subclass has a field `split`, the shares for `SPLITS`.

    `required` names the field without which there is no data to read.
    """

    name: ClassVar[str] = "data"
    required: ClassVar[str] = "files"

    def __post_init__(self):
        super().__post_init__()
        if abs(sum(self.split) - 1) > 1e-6:
            raise ConfigError(f"data.split: {show(self.split)} is not three shares that sum to 1")

    def has(self, split: str) -> bool:
        """Whether "train", "valid" or "test" gets a share of the data."""
        return self.split[SPLITS.index(split)] > 0

    def files_of(self, split: str) -> tuple[str, ...]:
        """The files that hold a split."""
        value = getattr(self, self.required)
        return (value,) if isinstance(value, str) else tuple(value or ())

    @property
    def all_files(self) -> list[str]:
        """The files of all splits, each once."""
        return list(dict.fromkeys(name for split in SPLITS for name in self.files_of(split)))

    @property
    def default_split(self) -> str:
        """The split that `evaluate` scores by default: the first of test, valid, train that is not empty."""
        return next(split for split in reversed(SPLITS) if self.has(split))

    @property
    def missing(self) -> str | None:
        """The key that is missing to find the data, or None."""
        return None if getattr(self, self.required) else f"data.{self.required}"

    def check_trainable(self, patience: int) -> None:
        """Raises ConfigError if training lacks a split, even where an evaluation can do without it."""
        if not self.has("train"):
            raise ConfigError(f"data.split: {show(self.split)} leaves nothing to train on")
        if patience and not self.has("valid"):
            raise ConfigError(
                f"training.patience: {patience} needs a validation split, and data.split: {show(self.split)} "
                "leaves none"
            )


@dataclass(frozen=True)
class TextSection(DataSection):
    """Base of the sections `data` of tasks that learn from characters."""

    allow_unknown: bool = False
    """Train although more than 10% of a split's characters are not in the vocabulary, as with --from a run in
    another script"""

    extend_vocabulary: bool = False
    """With --from: add the training split's new characters to the vocabulary of the run to start from. Each
    gets the mean of the known ones' weights, which stay"""

    @property
    def cure(self) -> str:
        """What helps against characters that the vocabulary does not have."""
        advice = "with --from, --data.extend_vocabulary true adds those of the training split"
        return advice + ("; without it, --data.tokenizer subwords spells any" * hasattr(self, "tokenizer"))
