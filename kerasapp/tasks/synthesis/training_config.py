"""The section `training` of `synthesis`."""

from dataclasses import dataclass
from typing import Annotated

from kerasapp.config.checks import Range
from kerasapp.config.training import TrainingConfig


@dataclass(frozen=True)
class SynthesisTraining(TrainingConfig):
    """How the model is trained."""

    batch_size: Annotated[int, Range(least=1, most=65_536)] = 32
    """Clips of a training batch at most; data.batch_frames limits it too"""

    guide_weight: Annotated[float, Range(least=0)] = 1.0
    """Weight of the loss that wants the attention near the diagonal at first (Tachibana et al. 2018,
    arXiv:1710.08969); 0 = off"""

    guide_steps: Annotated[int, Range(least=0)] = 5000
    """Training steps in which that loss fades to nothing"""

    stop_weight: Annotated[float, Range(least=0)] = 1.0
    """Weight of the loss of the stop token, which says where an utterance ends"""
