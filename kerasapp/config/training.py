"""How a model is trained: the same keys for every task."""

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from kerasapp.config.checks import Note, Range, Section, show
from kerasapp.errors import ConfigError


@dataclass(frozen=True)
class TrainingConfig(Section):
    """How the model is trained."""

    name: ClassVar[str] = "training"
    replaces: ClassVar = {"steps": {"minutes": None}, "minutes": {"steps": None}}

    seed: Annotated[int, Range(least=0, below=2**31)] = 0
    """Seed of the weights, the dropout and the order of the data: on one machine the same seed and
    training.steps give the same model"""

    batch_size: Annotated[int, Range(least=1, most=65_536)] = 64
    """Examples per training step"""

    steps: Annotated[int, Range(least=1)] | None = None
    """Training steps of the whole run, which then can be repeated bit by bit. Give this or training.minutes;
    the one given replaces the preset's other"""

    minutes: Annotated[float, Range(above=0)] | None = None
    """Minutes to train for, evaluations included, from the end of the first step on: before it the graph is
    built. Schedule and end follow the clock, so such a run cannot be repeated bit by bit"""

    steps_per_epoch: Annotated[int, Range(least=1)] = 150
    """Training steps between two validations; after each, the model is kept if it is the best so far"""

    learning_rate: Annotated[float, Range(above=0)] = 3e-3
    """Peak learning rate, reached at the end of the warm-up; try half of it where the loss jumps or becomes
    NaN"""

    warmup: Annotated[float, Range(least=0, below=1)] = 0.05
    """Share of the run in which the learning rate rises from 0 to its peak; then a cosine takes it down"""

    final_learning_rate: Annotated[float, Range(least=0, most=1)] = 0.01
    """Learning rate at the end of the run, as a share of the peak"""

    weight_decay: Annotated[float, Range(least=0)] = 0.0
    """Weight decay of AdamW: each step takes this share, times the learning rate, off every weight but biases
    and normalisations; 0 is Adam"""

    clip_norm: Annotated[float, Range(least=0)] = 1.0
    """Largest norm of all gradients together: longer ones are shortened to it; 0 = off"""

    patience: Annotated[int, Range(least=0)] = 0
    """Epochs after which training stops early when none of them has a better validation metric, the one that
    chooses the best model; an equal one is no better. 0 = off"""

    average: Annotated[float, Range(least=0, below=1)] = 0.0
    """Decay per step, such as 0.999, of an exponential moving average of the weights; the average is then
    what is validated and kept. 0 = off"""

    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    """Number format of the layers' computation; weights stay float32. auto: mixed where the hardware is
    faster with it, else float32"""

    strategy: Annotated[
        Literal["single", "mirrored"], Note("training on several machines is not supported yet")
    ] = "single"
    """single: one device; mirrored: all GPUs of this machine, each with its share of the batch"""

    callbacks: tuple[str, ...] = ()
    """Keras callbacks, module:Class ..., each made without arguments, such as one of yours for an experiment
    tracker. The modules are imported and run: train with configurations that you trust. A run may go on with
    other ones"""

    save_seconds: Annotated[float, Range(above=0, most=60)] = 30.0
    """Seconds between two saves of the whole state of training: what a killed run loses at most"""

    overwrite: bool = False
    """Start anew where the run's folder holds a finished or a different run, and delete that one"""

    def __post_init__(self):
        super().__post_init__()
        if (self.steps is None) == (self.minutes is None):
            raise ConfigError(
                f"training.steps: {show(self.steps)} and training.minutes: {show(self.minutes)}: "
                "give exactly one of them"
            )
        for name in self.callbacks:
            if not re.fullmatch(r"\w+(\.\w+)*:\w+(\.\w+)*", name):
                raise ConfigError(f"training.callbacks: {show(name)} is not module:Class")
