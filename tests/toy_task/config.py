"""The configuration of `cipher`."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from kerasapp.config.checks import Fraction, Range, Section
from kerasapp.config.data import DataSection
from kerasapp.config.training import TrainingConfig


@dataclass(frozen=True)
class CipherData(DataSection):
    """Lines of a secret text, a tab, and the same in plain letters."""

    files: tuple[str, ...] = ()
    """Files of lines SECRET TAB PLAIN"""

    split: tuple[Fraction, Fraction, Fraction] = (0.8, 0.1, 0.1)
    """Shares of the lines for training, validation and test"""


@dataclass(frozen=True)
class CipherModel(Section):
    """The network."""

    name: ClassVar[str] = "model"

    units: Annotated[int, Range(least=1, most=512)] = 16
    """Size of a letter's embedding"""


@dataclass(frozen=True, kw_only=True)
class CipherConfig:
    """Everything that makes a run of `cipher`."""

    task: ClassVar[str] = "cipher"

    data: CipherData = field(default_factory=CipherData)
    model: CipherModel = field(default_factory=CipherModel)
    training: TrainingConfig


def letters() -> CipherConfig:
    """A cipher that puts one letter in the place of another; seconds.

    kerasapp train cipher --preset letters --data.files FILE
    """
    return CipherConfig(training=TrainingConfig(steps=200, steps_per_epoch=100, learning_rate=0.05))


CONFIG = CipherConfig
PATHS = CUT = ("data.files",)
VOCABULARY = ()
PRESETS = {"letters": letters}
