"""Configuration and presets of `series`: a recurrent network that predicts numbers, and how sure it is."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from kerasapp.config.checks import Fraction, Range, Rate, Section, check_shares, show
from kerasapp.config.training import TrainingConfig
from kerasapp.errors import ConfigError


@dataclass(frozen=True)
class SeriesData(Section):
    """The numbers to learn from, and how a network is given them."""

    name: ClassVar[str] = "data"

    files: tuple[str, ...] = ()
    """CSV files, .gz or not, with the names of the columns in the first line, read one after the other as one
    series; sample:NAME is one shipped with kerasapp"""

    columns: tuple[str, ...] = ()
    """Columns to predict, together; none: all but data.date"""

    date: str | None = None
    """Column of the dates, in ISO 8601, such as 1749-01; null: there is none"""

    transform: Literal["none", "sqrt", "log"] = "none"
    """What is done with the values before they are scaled: sqrt for counts, from 0 on; log for values above 0
    that grow by shares"""

    split: tuple[Fraction, Fraction, Fraction] = (0.8, 0.1, 0.1)
    """Shares of the series for training, validation and test, by time, in this order"""

    window: Annotated[int, Range(least=1, most=100_000)] = 64
    """Steps of each stream in a training step; the recurrent state is carried on to the next step, the
    gradient is not (truncated backpropagation through time)"""

    horizon: Annotated[int, Range(least=1, most=10_000)] = 24
    """Steps ahead that forecasts are scored over"""

    def __post_init__(self):
        super().__post_init__()
        check_shares(self.split)
        if self.date is not None and self.date in self.columns:
            raise ConfigError(f"data.columns: {self.date} is data.date, whose dates are no numbers")

    def has(self, part: str) -> bool:
        """Whether "train", "valid" or "test" gets a share of the series."""
        return self.split[("train", "valid", "test").index(part)] > 0


@dataclass(frozen=True)
class MixtureModelConfig(Section):
    """The network: recurrent layers, and the parameters of a mixture of Gaussians."""

    name: ClassVar[str] = "model"

    cell: Literal["lstm", "gru", "simple_rnn"] = "lstm"
    """Kind of the recurrent layers"""

    units: Annotated[int, Range(least=1, most=16_384)] = 64
    """Size of each recurrent layer's state; time and memory grow with its square"""

    layers: Annotated[int, Range(least=1, most=32)] = 1
    """Recurrent layers, one on the other"""

    components: Annotated[int, Range(least=1, most=1000)] = 4
    """Gaussians of the mixture"""

    dropout: Rate = 0.0
    """Share of the units dropped after each recurrent layer"""

    recurrent_dropout: Rate = 0.0
    """Share of the recurrent kernel's weights dropped, the same ones for a whole training step"""

    layer_normalisation: bool = False
    """Normalise what each recurrent layer gives out"""

    residual: bool = False
    """Add each recurrent layer's input to its output where the sizes agree"""


@dataclass(frozen=True, kw_only=True)
class SeriesConfig:
    """Everything that makes a run of `series`.

    Example:
        >>> config = SeriesConfig(data=SeriesData(files=("a.csv",)), training=TrainingConfig(steps=500))
        >>> config.model.components
        4
    """

    task: ClassVar[str] = "series"

    data: SeriesData = field(default_factory=SeriesData)
    model: MixtureModelConfig = field(default_factory=MixtureModelConfig)
    training: TrainingConfig


def missing(config: SeriesConfig) -> str | None:
    """The key without which the task has no data to read, or None where all is given."""
    return None if config.data.files else "data.files"


def check_trainable(config: SeriesConfig) -> None:
    """Raises ConfigError where training lacks values that an evaluation can do without."""
    if not config.data.has("train"):
        raise ConfigError(f"data.split: {show(config.data.split)} leaves nothing to train on")
    if config.training.patience and not config.data.has("valid"):
        raise ConfigError(
            f"training.patience: {config.training.patience} needs a validation part, and "
            f"data.split: {show(config.data.split)} leaves none"
        )


def default_split(config: SeriesConfig) -> str:
    """What `evaluate` scores where no split is named: the first of test, valid, train that is not empty."""
    return next(part for part in ("test", "valid", "train") if config.data.has(part))


def short_series() -> SeriesConfig:
    """A series of your own, of some hundreds to some thousands of steps; 2 minutes.

    kerasapp train series --preset short-series --data.files FILE.csv

    Little is learned by heart: much is dropped, and the weights are averaged. With more data give
    --model.units 128 --model.dropout 0.1 and more minutes.
    """
    return SeriesConfig(
        model=MixtureModelConfig(units=48, components=3, dropout=0.2, recurrent_dropout=0.2),
        training=TrainingConfig(
            minutes=2, batch_size=32, steps_per_epoch=100, learning_rate=5e-3, average=0.99
        ),
    )


def sunspots() -> SeriesConfig:
    """Monthly sunspot numbers from 1749 to 2008 (shipped), split 70/15/15 by time; about 2 minutes.

    kerasapp train series --preset sunspots

    In 3 minutes and 47 seconds, on two cores that were busy with other jobs too: 4.02 nats per value in
    validation, 4.07 in test; CRPS 18.2 over the next 36 months and 8.6 for the next one; 82% of the values in
    the 90% band: cycles of the test part are higher than most in training. After 900 steps validation no
    longer gets better.
    """
    return SeriesConfig(
        data=SeriesData(
            files=("sample:sunspots",),
            date="month",
            transform="sqrt",
            split=(0.7, 0.15, 0.15),
            window=64,
            horizon=36,
        ),
        model=MixtureModelConfig(units=48, components=3, dropout=0.2, recurrent_dropout=0.2),
        training=TrainingConfig(
            steps=1500, batch_size=32, steps_per_epoch=100, learning_rate=5e-3, average=0.99
        ),
    )


CONFIG = SeriesConfig
PATHS = CUT = ("data.files",)
VOCABULARY = ("data.columns", "data.transform")
PRESETS = {"short-series": short_series, "sunspots": sunspots}  # the first is the default
