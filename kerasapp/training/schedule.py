"""The learning rate of each step, and the end of a run."""

import math
import time

import keras


class Clock(keras.callbacks.Callback):
    """Counts steps and seconds, sets the learning rate and stops at the end.

    The rate rises linearly over the first `warmup` share of the run, then falls along half a cosine to
    `final_learning_rate` of its peak (Loshchilov & Hutter 2017, arXiv:1608.03983). A run limited by minutes
    follows the clock, one limited by steps the step count, which makes it repeatable.
    """

    def __init__(self, state, config):
        super().__init__()
        self.state, self.config = state, config
        self.started = None
        self.rate = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        if self.started is None:  # after a resume has read the state
            self.started = time.monotonic() - self.state.seconds

    def on_train_batch_begin(self, batch, logs=None):
        self.rate = self.learning_rate()
        self.model.optimizer.learning_rate = self.rate

    def on_train_batch_end(self, batch, logs=None):
        self.state.step += 1
        self.tick()
        if self.progress() >= 1.0:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.tick()  # the time of the evaluation counts too
        if self.progress() >= 1.0:
            self.model.stop_training = True
        self.state.finished = self.model.stop_training  # or validation has run out of patience

    def tick(self):
        """Brings the seconds up to date."""
        self.state.seconds = time.monotonic() - self.started

    def progress(self):
        """Share of the run that is done, 0 to 1 and above."""
        if self.config.steps:
            return self.state.step / self.config.steps
        return self.state.seconds / (60.0 * self.config.minutes)

    def learning_rate(self):
        c = self.config
        done = (self.state.step + 1) / c.steps if c.steps else min(self.progress(), 1.0)
        if done < c.warmup:
            return c.learning_rate * max(done / c.warmup, 1e-3)
        falling = (done - c.warmup) / max(1.0 - c.warmup, 1e-9)
        cosine = 0.5 * (1.0 + math.cos(math.pi * min(falling, 1.0)))
        return c.learning_rate * (c.final_learning_rate + (1.0 - c.final_learning_rate) * cosine)
