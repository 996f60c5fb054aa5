"""Configuration and presets of `generation`: a recurrent language model learned from plain text."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from kerasapp.config.checks import Fraction, Range, Rate
from kerasapp.config.data import TextSection
from kerasapp.config.recurrent import RecurrentConfig
from kerasapp.config.training import TrainingConfig
from kerasapp.errors import ConfigError


@dataclass(frozen=True)
class TextData(TextSection):
    """The text to learn from, and how it becomes tokens."""

    files: tuple[str, ...] = ()
    """UTF-8 text files, plain or packed, joined into one long text; sample:NAME is shipped with kerasapp"""

    split: tuple[Fraction, Fraction, Fraction] = (0.9, 0.05, 0.05)
    """Shares of the text for training, validation and test, in this order"""

    normalisation: Literal["NFC", "NFKC", "none"] = "NFC"
    """Unicode normalisation of the text and of prompts. NFKC also turns full-width punctuation into ASCII"""

    tokenizer: Literal["characters", "subwords"] = "characters"
    """What a token is: a character, or a SentencePiece subword learned from the training split"""

    vocabulary_size: Annotated[int, Range(least=300, most=1_000_000)] = 8000
    """Subwords to learn, including 4 special ids and 256 bytes; not used for characters"""

    window: Annotated[int, Range(least=1, most=100_000)] = 100
    """Tokens of each stream per training step; the next training step continues from the recurrent state,
    without its gradient (truncated backpropagation through time)"""

    cache: str | None = None
    """Folder for the tokenised text, kept between runs; null: a folder in the user's cache directory"""


@dataclass(frozen=True)
class LanguageModelConfig(RecurrentConfig):
    """The network: embedding, recurrent layers, logits."""

    embedding_size: Annotated[int, Range(least=1, most=16_384)] = 128
    """Size of the vector that stands for a token"""

    tie_embeddings: bool = False
    """Use the transposed embedding as the output layer, which saves weights. Needs model.embedding_size =
    model.units"""

    input_dropout: Rate = 0.0
    """Share of the embedding's units dropped"""

    def __post_init__(self):
        super().__post_init__()
        if self.tie_embeddings and self.embedding_size != self.units:
            raise ConfigError(
                f"model.embedding_size: {self.embedding_size} is not model.units, {self.units}, which "
                "model.tie_embeddings needs"
            )


@dataclass(frozen=True)
class GenerationTraining(TrainingConfig):
    """How the model is trained."""

    adversarial: bool = False
    """Train a model that was trained by likelihood (--from RUN) against a discriminator, by policy gradient
    (SeqGAN, Yu et al. 2017, arXiv:1609.05473). The last epoch's model is kept. docs/adversarial.md says what
    to expect"""

    context: Annotated[int, Range(least=1)] = 16
    """Adversarial: tokens at the start of each window that come from the data; the model writes the others,
    and the discriminator judges the whole window"""

    rollouts: Annotated[int, Range(least=1, most=1024)] = 4
    """Adversarial: continuations per beginning; their mean judges it"""

    rollout_tokens: Annotated[int, Range(least=1)] = 4
    """Adversarial: tokens between two beginnings that are judged: fewer are more exact, and take longer"""

    warmup_steps: Annotated[int, Range(least=0)] = 200
    """Adversarial: first training steps, in which only the discriminator learns"""

    discriminator_steps: Annotated[int, Range(least=1)] = 5
    """Adversarial: steps of the discriminator per step of the model"""

    discriminator_rate: Annotated[float, Range(above=0)] = 1e-3
    """Adversarial: learning rate of the discriminator; training.learning_rate is the model's"""

    likelihood: Annotated[float, Range(least=0)] = 0.0
    """Adversarial: weight of the usual loss beside the discriminator's; some keeps texts coherent, 0 is
    SeqGAN"""

    def __post_init__(self):
        super().__post_init__()
        if not self.adversarial:
            return
        if self.strategy != "single":
            raise ConfigError(f"training.strategy: {self.strategy} does not go with training.adversarial")
        if self.patience:
            raise ConfigError(
                f"training.patience: {self.patience} has nothing to wait for: training.adversarial keeps the "
                "last model"
            )
        if self.steps and self.warmup_steps >= self.steps:
            raise ConfigError(
                f"training.warmup_steps: {self.warmup_steps} is not below training.steps, {self.steps}: the "
                "model would never learn"
            )


@dataclass(frozen=True, kw_only=True)
class GenerationConfig:
    """Everything that makes a run of `generation`.

    Example:
        >>> data = TextData(files=("notes.txt",))
        >>> config = GenerationConfig(data=data, training=GenerationTraining(steps=1000))
        >>> config.model.cell
        'lstm'
    """

    task: ClassVar[str] = "generation"

    data: TextData = field(default_factory=TextData)
    model: LanguageModelConfig = field(default_factory=LanguageModelConfig)
    training: GenerationTraining

    def __post_init__(self):
        if self.training.adversarial and self.training.context >= self.data.window:
            raise ConfigError(
                f"training.context: {self.training.context} leaves nothing to write of data.window, "
                f"{self.data.window} tokens"
            )


def tinyshakespeare() -> GenerationConfig:
    """Tiny Shakespeare (1.1 MB, shipped), first 90% to train, last 10% to validate; about 5 minutes.

    kerasapp train generation --preset tinyshakespeare

    Four minutes of training on two cores (2.6 GHz, AVX2): 1.49 to 1.51 nats per character in validation. The
    residual connection is what makes so short a run work: without it, it ended at 1.545.
    """
    return GenerationConfig(
        data=TextData(files=("sample:tinyshakespeare",), split=(0.9, 0.1, 0.0), window=64),
        model=LanguageModelConfig(
            units=256, layers=2, embedding_size=256, residual=True, dropout=0.15, recurrent_dropout=0.1
        ),
        training=GenerationTraining(minutes=4, steps_per_epoch=250, learning_rate=7e-3),
    )


def tinyshakespeare_best() -> GenerationConfig:
    """Tiny Shakespeare again, larger and strongly regularised; about 50 minutes.

    kerasapp train generation --preset tinyshakespeare-best

    Fifty minutes of training on two cores. 1.420 nats per character in validation after 3,821 steps (56
    minutes on two cores of 2.6 GHz with AVX2, a third of which other jobs took), where training has 1.28.
    """
    return GenerationConfig(
        data=TextData(files=("sample:tinyshakespeare",), split=(0.9, 0.1, 0.0), window=64),
        model=LanguageModelConfig(
            units=512,
            layers=2,
            embedding_size=512,
            residual=True,
            input_dropout=0.1,
            dropout=0.4,
            recurrent_dropout=0.3,
        ),
        training=GenerationTraining(minutes=50, steps_per_epoch=500, learning_rate=4e-3),
    )


def war_and_peace() -> GenerationConfig:
    """War and Peace (3.3 MB, not shipped), split 80/10/10 by position; about an hour.

    kerasapp train generation --preset war-and-peace --data.files war_and_peace.txt

    55 minutes of training on two cores (2.6 GHz, AVX2): validation 1.114, test 1.116 nats per character. To
    compare with the published test score of a 2x256 LSTM, 1.137 (Karpathy, Johnson and Fei-Fei 2015,
    arXiv:1506.02078), the file needs CRLF line ends; where they are lost,
    `sed '$!s/$/\\r/' warpeace_input.txt > war_and_peace.txt` restores them.
    """
    return GenerationConfig(
        data=TextData(split=(0.8, 0.1, 0.1), window=64),
        model=LanguageModelConfig(
            units=384, layers=2, embedding_size=384, residual=True, dropout=0.15, recurrent_dropout=0.1
        ),
        training=GenerationTraining(minutes=55, steps_per_epoch=500, learning_rate=5e-3),
    )


def chinese_poetry() -> GenerationConfig:
    """Chinese poems (not shipped), one verse per line, one token per character; 15 minutes.

    kerasapp train generation --preset chinese-poetry --data.files poems.txt

    After six minutes on two cores (--training.minutes 6; 2.6 GHz, AVX2) 5.16 nats per character in validation
    and 5.15 in test, 0.03 of them for the 0.2% of characters that the training split lacks, on 8,400 poems
    with 6,500 characters. A model overfits so small a text: hence the strong dropout and the averaged
    weights. An empty line between poems marks where one ends; `python benchmarks/chinese_poetry.py poems.txt
    FILE.json ...` makes such a text of the collection at github.com/chinese-poetry/chinese-poetry.
    """
    return GenerationConfig(
        data=TextData(split=(0.9, 0.05, 0.05), window=64),
        model=LanguageModelConfig(
            units=256,
            layers=2,
            embedding_size=256,
            tie_embeddings=True,
            residual=True,
            input_dropout=0.3,
            dropout=0.5,
            recurrent_dropout=0.3,
        ),
        training=GenerationTraining(minutes=15, steps_per_epoch=250, learning_rate=5e-3, average=0.999),
    )


CONFIG = GenerationConfig
PATHS = CUT = ("data.files",)
VOCABULARY = ("data.tokenizer", "data.normalisation", "data.vocabulary_size")
PRESETS = {  # the first is the default
    "tinyshakespeare": tinyshakespeare,
    "tinyshakespeare-best": tinyshakespeare_best,
    "war-and-peace": war_and_peace,
    "chinese-poetry": chinese_poetry,
}
