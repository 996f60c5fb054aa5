"""The section `training` of `synthesis`."""

from dataclasses import dataclass
from typing import Annotated

from kerasapp.config.checks import Range
from kerasapp.config.training import TrainingConfig
from kerasapp.errors import ConfigError


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

    adversarial_weight: Annotated[float, Range(least=0)] = 0.0
    """Weight of the loss that wants a discriminator to take the spectrograms for recorded ones, for less blur
    (docs/voice.md); 0 = off. The model of the last epoch is kept then, not the one with the least mel L1,
    which sharp spectrograms do not have"""

    adversarial_start: Annotated[int, Range(least=0)] = 1000
    """Training steps before the discriminator, and that loss, come in: a voice has to read first"""

    discriminator_rate: Annotated[float, Range(above=0)] = 1e-3
    """Learning rate of the discriminator"""

    def __post_init__(self):
        super().__post_init__()
        if not self.adversarial_weight:
            return
        given = f"training.adversarial_weight: {self.adversarial_weight:g}"
        if self.strategy == "mirrored":
            raise ConfigError(f"{given} trains on one device, and training.strategy is mirrored")
        if self.patience:
            raise ConfigError(
                f"{given} keeps the model of the last epoch, so training.patience: {self.patience} has "
                "nothing to wait for"
            )
        if self.steps and self.adversarial_start >= self.steps:
            raise ConfigError(
                f"training.adversarial_start: {self.adversarial_start} is not below training.steps, "
                f"{self.steps}: the discriminator would never come in"
            )
