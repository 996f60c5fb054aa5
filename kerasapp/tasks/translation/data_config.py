"""The section `data` of `translation`: pairs of sentences, or sentences that are their own targets."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from kerasapp.config.checks import Fraction, Range, Rate, show
from kerasapp.config.data import SPLITS, TextSection
from kerasapp.errors import ConfigError


@dataclass(frozen=True)
class TranslationData(TextSection):
    """The pairs of sentences to learn from, and how they become tokens."""

    # Aligned files say by their names which is which, so a preset's swapped columns are not theirs.
    replaces: ClassVar = {
        "pairs": {"source": None, "target": None},
        "source": {"pairs": None, "swap": False},
        "target": {"pairs": None, "swap": False},
    }

    pairs: str | None = None
    """A UTF-8 file, plain or packed, one pair per line: source, tab, translation; a third column is ignored.
    sample:NAME is shipped with kerasapp. Give this, or data.source and data.target (with data.autoencode only
    data.source)"""

    source: str | None = None
    """A UTF-8 file, plain or packed, one sentence per line"""

    target: str | None = None
    """The file with their translations, line by line"""

    swap: bool = False
    """Exchange source and target in all files: the second column of data.pairs is then translated"""

    autoencode: bool = False
    """Use each source sentence as its own target: a model to embed sentences with. Targets are not read;
    repeated sentences count once"""

    altered: Rate = 0.0
    """Share of an autoencoder's training sentences in which random tokens are replaced, alike in source and
    target: it learns to copy rare words"""

    noise: Rate = 0.0
    """Share of the source tokens that are dropped in training, and of neighbours that are exchanged; the
    target stays: a denoising autoencoder"""

    valid_source: str | None = None
    """Sentences to validate on, with data.valid_target (without it for data.autoencode); by default a share
    of the data, see data.split"""

    valid_target: str | None = None
    """The translations of data.valid_source, line by line"""

    test_source: str | None = None
    """Sentences to test on, with data.test_target (without it for data.autoencode); by default a share of the
    data, see data.split"""

    test_target: str | None = None
    """The translations of data.test_source, line by line"""

    split: tuple[Fraction, Fraction, Fraction] = (0.9, 0.05, 0.05)
    """Shares of the pairs for training, validation and test, in this order. Pairs that have a sentence in
    common stay together; the share of a split that has files of its own goes to training"""

    blank_lines: Literal["refuse", "skip"] = "refuse"
    """What becomes of a line that is blank, on one side or on both: an error, or left out and counted, as for
    corpora with blank lines between documents"""

    normalisation: Literal["NFC", "NFKC", "none"] = "NFC"
    """Unicode normalisation of all sentences. NFKC also turns full-width punctuation into ASCII"""

    tokenizer: Literal["subwords", "characters"] = "subwords"
    """What a token is: a SentencePiece subword learned from the training split, or a character"""

    joint_vocabulary: bool = False
    """One vocabulary for both languages: for two that share an alphabet and many names"""

    vocabulary_size: Annotated[int, Range(least=300, most=1_000_000)] = 5000
    """Subwords to learn per language, or for both if joint, including 4 special ids and 256 bytes; not used
    for characters"""

    max_length: Annotated[int, Range(least=1, most=10_000)] = 100
    """Most tokens of a sentence; a pair with a longer one is left out of training"""

    max_dropped: Fraction = 0.5
    """Share of the training pairs that may be left out for data.max_length; with more, training does not
    start"""

    batch_tokens: Annotated[int, Range(least=1, most=10_000_000)] = 1500
    """Most source and target tokens per training batch, padding included"""

    cache: str | None = None
    """Folder for the tokenised pairs, kept between runs; null: a folder in the user's cache directory"""

    def __post_init__(self):
        super().__post_init__()
        for key in ("source", "target"):
            if self.pairs is not None and getattr(self, key) is not None:
                raise ConfigError(
                    f"data.pairs: {show(self.pairs)} and data.{key}: {show(getattr(self, key))}: give either "
                    "data.pairs, or data.source and data.target"
                )
        if self.autoencode:
            for side in ("target", "valid_target", "test_target"):
                if getattr(self, side) is not None:
                    raise ConfigError(
                        f"data.{side}: with data.autoencode the sources are the targets; leave it"
                    )
            return
        if self.altered:
            raise ConfigError(
                f"data.altered: {self.altered:g} is for data.autoencode, whose source is the target"
            )
        for split in ("valid", "test"):
            given = {side: getattr(self, f"{split}_{side}") is not None for side in ("source", "target")}
            if given["source"] != given["target"]:
                lacking, other = ("target", "source") if given["source"] else ("source", "target")
                raise ConfigError(f"data.{split}_{lacking}: required beside data.{split}_{other}")

    def has(self, split: str) -> bool:
        """Whether "train", "valid" or "test" gets pairs: a share of the data, or files of its own."""
        own = [name for name in ("valid", "test") if getattr(self, f"{name}_source") is not None]
        if split == "train":  # the share of a split that has files of its own goes to training
            return any(share for name, share in zip(SPLITS, self.split) if name in ("train", *own))
        return split in own or super().has(split)

    def files_of(self, split: str) -> tuple[str, ...]:
        """The files that hold a split: one of pairs, or one of sources and one of targets."""
        given = getattr(self, f"{split}_source", None), getattr(self, f"{split}_target", None)
        found = given if given[0] else (self.pairs,) if self.pairs else (self.source, self.target)
        return tuple(name for name in found if name)

    @property
    def missing(self) -> str | None:
        """The keys that are missing to find the data, or None."""
        if self.pairs is not None or (self.source is not None and (self.target or self.autoencode)):
            return None
        if self.autoencode:
            return "data.source or data.pairs"
        if self.source is None and self.target is None:
            return "data.pairs, or data.source and data.target"
        return "data.target" if self.target is None else "data.source"
