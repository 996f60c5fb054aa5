"""The learning rate of each step, and the end of a run."""

import math
import time

import keras


def learning_rate(share, config):
    """The learning rate where a share of the run is done.

    It rises linearly to its peak, `config.learning_rate`, over the first `config.warmup` of the run. Then it
    falls along half a cosine to `config.final_learning_rate` of the peak (Loshchilov & Hutter 2017,
    arXiv:1608.03983).

    Args:
        share: 0 at the start of the run, 1 at its end; above 1 counts as 1.
        config: the `TrainingConfig`.
    """
    if share < config.warmup:
        return config.learning_rate * max(share / config.warmup, 1e-3)
    falling = (min(share, 1.0) - config.warmup) / (1.0 - config.warmup)
    cosine = 0.5 * (1.0 + math.cos(math.pi * falling))
    return config.learning_rate * (config.final_learning_rate + (1.0 - config.final_learning_rate) * cosine)


class Schedule(keras.callbacks.Callback):
    """Counts steps and seconds, sets the learning rate of each step and ends the run.

    A run limited by steps follows the step count, so it can be repeated. A run limited by minutes follows a
    clock, which starts after the first step, also when the run goes on: tracing the graph takes time and
    trains nothing.
    """

    def __init__(self, state, config):
        super().__init__()
        self.state, self.config = state, config
        self.rate = 0.0  # of the newest step
        self._started = None  # when the clock showed 0; None until the first step is done

    def on_train_batch_begin(self, batch, logs=None):
        c = self.config
        self.rate = learning_rate((self.state.step + 1) / c.steps if c.steps else self.share(), c)
        self.model.optimizer.learning_rate = self.rate

    def on_train_batch_end(self, batch, logs=None):
        self.state.step += 1
        self._tick()

    def on_epoch_end(self, epoch, logs=None):
        self._tick()  # the time of the evaluation counts too

    def share(self):
        """The share of the run that is done: 0 to 1, or above where the clock has passed the end."""
        if self.config.steps:
            return self.state.step / self.config.steps
        return self.state.seconds / (60.0 * self.config.minutes)

    def _tick(self):
        now = time.monotonic()
        if self._started is None:
            self._started = now - self.state.seconds
        self.state.seconds = now - self._started
        if self.share() >= 1.0:
            self.model.stop_training = True
