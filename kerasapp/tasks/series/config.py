"""Configuration and presets of `series`: a recurrent network that predicts numbers with their uncertainty."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from kerasapp.config.checks import Fraction, Range
from kerasapp.config.data import DataSection
from kerasapp.config.recurrent import RecurrentConfig
from kerasapp.config.training import TrainingConfig
from kerasapp.errors import ConfigError


@dataclass(frozen=True)
class SeriesData(DataSection):
    """The numbers to learn from, and how the network reads them."""

    files: tuple[str, ...] = ()
    """CSV files, plain or packed, whose first line names the columns; several files are joined into
    one series; sample:NAME is shipped with kerasapp"""

    columns: tuple[str, ...] = ()
    """Columns to predict together; empty: all but data.date"""

    date: str | None = None
    """Column of the dates, such as 1749-01, 174901, 1749-01-31, 17490131 or 1749-01-31T12:30:00+01:00; null:
    no dates"""

    transform: Literal["none", "sqrt", "log"] = "none"
    """Applied to the values before they are scaled: sqrt for counts (0 or above), log for values above 0 that
    change by percentages"""

    split: tuple[Fraction, Fraction, Fraction] = (0.8, 0.1, 0.1)
    """Shares of the series for training, validation and test, in this order in time"""

    window: Annotated[int, Range(least=1, most=100_000)] = 64
    """Time steps of each stream per training step; the next training step continues from the recurrent state,
    without its gradient (truncated backpropagation through time)"""

    horizon: Annotated[int, Range(least=1, most=10_000)] = 24
    """Steps ahead of the forecasts that an evaluation scores"""

    def __post_init__(self):
        super().__post_init__()
        if self.date is not None and self.date in self.columns:
            raise ConfigError(
                f"data.columns: {self.date} is the column of the dates (data.date), not of numbers"
            )


@dataclass(frozen=True)
class MixtureModelConfig(RecurrentConfig):
    """The network: recurrent layers, and the parameters of a mixture of Gaussians."""

    units: Annotated[int, Range(least=1, most=16_384)] = 64
    """Units per recurrent layer; time and memory grow with the square"""

    layers: Annotated[int, Range(least=1, most=32)] = 1
    """Number of recurrent layers"""

    components: Annotated[int, Range(least=1, most=1000)] = 4
    """Gaussians in the mixture"""


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


def short_series() -> SeriesConfig:
    """A series of your own, of some hundreds to some thousands of steps; 2 minutes.

    kerasapp train series --preset short-series --data.files FILE.csv

    Strong dropout and averaged weights keep it from overfitting. With more data give --model.units 128
    --model.dropout 0.1 and more minutes.
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
    validation, 4.07 in test; CRPS 18.2 over the next 36 months and 8.6 for the next one; 82% of the values
    are in the 90% band, because the cycles of the test split are higher than most in training. Validation
    does not improve after 900 steps.
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
