"""The keys of a stack of recurrent layers (see `kerasapp.layers.stack`)."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from kerasapp.config.checks import Range, Rate, Section


@dataclass(frozen=True)
class RecurrentConfig(Section):
    """The network: recurrent layers. A section `model` with more keys is a subclass."""

    name: ClassVar[str] = "model"

    cell: Literal["lstm", "gru", "simple_rnn"] = "lstm"
    """Kind of the recurrent layers"""

    units: Annotated[int, Range(least=1, most=16_384)] = 256
    """Units per recurrent layer; time and memory grow with the square"""

    layers: Annotated[int, Range(least=1, most=32)] = 2
    """Number of recurrent layers"""

    dropout: Rate = 0.0
    """Share of the units dropped after each recurrent layer; increase it if the training loss falls and the
    validation loss does not"""

    recurrent_dropout: Rate = 0.0
    """Share of the recurrent kernel's weights dropped, the same ones for a whole training step"""

    layer_normalisation: bool = False
    """Normalise the output of each recurrent layer"""

    residual: bool = False
    """Add each recurrent layer's input to its output if the sizes agree"""
