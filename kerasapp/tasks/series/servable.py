"""The servable of `series`: a history in, a forecast out, in one graph."""

import functools

import numpy as np
import tensorflow as tf

from kerasapp.layers import windows
from kerasapp.task import assertions, filled, in_range, knob_specs
from kerasapp.tasks.series.answers import QUANTILES
from kerasapp.tasks.series.model import log_density, mixture, step, window
from kerasapp.tasks.series.sampling import paths, quantiles
from kerasapp.tasks.series.spec import SPEC
from pipelines import scaling as scalings

_INT = tf.TensorSpec([None], tf.int32)


class SeriesServable(tf.Module):
    """Everything that answers: local forecasts, evaluation, the SavedModel and the phone come from here.

    A history is read from states of zeros, with zeros in the place of what came before it.

    Histories and forecasts are float32, or float64 where the steps of float32 are too coarse for the model's
    values (see `pipelines.scaling.Scaling.dtype`). Inside, values are scaled and restored in float64.

    Args:
        model: a `SeriesModel`.
        scaling: the `pipelines.scaling.Scaling` that it was trained with.

    Attributes:
        dtype: of histories and forecasts.
    """

    def __init__(self, model, scaling):
        super().__init__(name="series")
        self.scaling, self.dtype = scaling, scaling.dtype
        self.columns = model.columns
        self.state_names = model.state_names
        self._units, self._model = model.units, model

        def function(method, *inputs, dtype=self.dtype):
            history = tf.TensorSpec([None, None, self.columns], dtype, "history")
            return tf.function(method, autograph=False, input_signature=[history, *inputs])

        self.serving_default = function(self._serving_default, _INT)
        self.forecast = function(self._forecast, _INT, *knob_specs(SPEC.knobs))
        self.simulate = function(self._simulate, _INT, *knob_specs(SPEC.knobs), dtype="float64")
        self.score = function(self._score, _INT)
        self.prefill = function(self._prefill, _INT)

    def _serving_default(self, history, lengths):
        """history [batch, time, columns], lengths [batch] int32 -> what `forecast` gives with
        the defaults of `SPEC`."""
        return self._forecast(history, lengths, **filled(SPEC.knobs, lengths))

    def _forecast(self, history, lengths, horizon, samples, seed):
        """What comes after each history, by paths that are drawn.

        Args:
            history: `dtype` [batch, time, columns]; values after a row's length are ignored.
            lengths: int32 [batch], from 0 to time.
            horizon, samples, seed: int32 [batch], one value per row: steps ahead, paths, and what the
                paths are a function of.

        Returns: "mean" `dtype` [batch, horizon, columns] and "quantiles" `dtype` [batch, horizon, columns,
            7], those of `QUANTILES`, zeros beyond a row's own horizon; "steps" int32 [batch], that horizon.
        """
        drawn = self._simulate(history, lengths, horizon, samples, seed)["paths"]
        counted = tf.sequence_mask(samples, tf.shape(drawn)[1])[:, :, tf.newaxis, tf.newaxis]
        count = tf.cast(samples, drawn.dtype)[:, tf.newaxis, tf.newaxis]
        mean = tf.reduce_sum(tf.where(counted, drawn, 0.0), axis=1) / count  # [batch, horizon, columns]
        levels = quantiles(drawn, samples, QUANTILES)
        inside = tf.sequence_mask(horizon, tf.shape(drawn)[2])[:, :, tf.newaxis]
        return {
            "mean": tf.cast(tf.where(inside, mean, 0.0), self.dtype),
            "quantiles": tf.cast(tf.where(inside[..., tf.newaxis], levels, 0.0), self.dtype),
            "steps": tf.identity(horizon),
        }

    def _simulate(self, history, lengths, horizon, samples, seed):
        """The paths that `forecast` is made of: "paths" float64 [batch, samples, horizon, columns], as many
        and as long as the largest of the batch."""
        raw, states = self._read(history, lengths)
        with tf.control_dependencies(in_range(SPEC.knobs, (horizon, samples, seed))):
            # Nothing that is as large as they say stands before the assertion.
            horizon, samples = tf.identity(horizon), tf.identity(samples)
        most, longest = (tf.reduce_max(tf.concat([knob, [1]], 0)) for knob in (samples, horizon))

        drawn = paths(functools.partial(step, self._model), raw, states, seed, self.columns, most, longest)
        return {"paths": self.scaling.restored(drawn)}

    def _score(self, history, lengths):
        """history [batch, time, columns], lengths [batch] -> "nats" float32 [batch], the sum of -ln of the
        density of each step's values given all before; "steps" int32 [batch], how many there are."""
        values, slope = self._checked(history, lengths)
        before = tf.pad(values, [[0, 0], [1, 0], [0, 0]])[:, :-1]
        states = self.zero_states(tf.shape(lengths)[0])
        nats = windows.total(self.score_window, (before, values, slope), lengths, states)
        return {"nats": nats, "steps": tf.identity(lengths)}

    @tf.function(autograph=False, reduce_retracing=True)
    def score_window(self, before, values, slope, counted, states):
        """Scores one window of series that go on.

        Args:
            before, values: the scaled values before, and those to predict [batch, time, columns].
            slope: of the scaling at the values [batch, time]. counted: bool [batch, time]. states: of before.

        Returns: (nats of the counted steps [batch], states).
        """
        raw, states = window(self._model, before, states)
        nats = -log_density(mixture(raw, self.columns), values) - slope  # [batch, time]
        return tf.reduce_sum(tf.where(counted, nats, 0.0), axis=1), states

    def _prefill(self, history, lengths):
        """history, lengths -> the mixture of the step after each history (see `step_signature`), states."""
        raw, states = self._read(history, lengths)
        return {**mixture(raw, self.columns), **states}

    @functools.cache  # noqa: B019 - a servable lives as long as its process
    def signatures(self):
        """The SavedModel's signatures by name."""
        return {
            "serving_default": self.serving_default,
            "forecast": self.forecast,
            "score": self.score,
            "prefill": self.prefill,
            "step": self._step_signature(),
        }

    def _step_signature(self):
        """step: "values" `dtype` [batch, columns], states -> the mixture of the scaled values after them:
        "log_weights" [batch, components], "means" and "deviations" [batch, components, columns]; states."""
        states = {name: tf.TensorSpec([None, self._units], tf.float32, name) for name in self.state_names}

        @tf.function(autograph=False)
        def one_step(values, **states):
            raw, states = step(self._model, self.scaling.scaled(values), states)
            return {**mixture(raw, self.columns), **states}

        values = tf.TensorSpec([None, self.columns], self.dtype, "values")
        return one_step.get_concrete_function(values, **states)

    def example_requests(self):
        """A few short requests, (signature, inputs name -> array): to warm up and to compare runtimes."""
        waves = np.sin(np.arange(3)[:, None, None] + np.arange(40)[None, :, None] / 5)  # [3, 40, 1]
        history = self.scaling.restored(np.repeat(waves, self.columns, 2)).numpy().astype(self.dtype)
        given = {"history": history, "lengths": np.array([0, 17, 40], np.int32)}
        knobs = {
            "horizon": np.array([12, 5, 1], np.int32),
            "samples": np.array([20, 50, 7], np.int32),
            "seed": np.arange(3, dtype=np.int32),
        }
        return [("forecast", {**given, **knobs}), ("score", given)]

    def zero_states(self, batch):
        """The states that every series starts from: name -> float32 [batch, units]."""
        return {name: tf.zeros([batch, self._units]) for name in self.state_names}

    def _checked(self, history, lengths):
        """Scaled values of a history, its padding harmless, and the scaling's slope [batch, time]."""
        time, transform = tf.shape(history)[1], self.scaling.transform
        inside = tf.sequence_mask(lengths, time)[:, :, tf.newaxis]
        history = tf.where(inside, history, 1.0)  # a value that every transform takes
        words = scalings.allowed(transform)[0]
        conditions = {
            "lengths: must be from 0 to the history's": (lengths >= 0) & (lengths <= time),
            "history: must be finite numbers": tf.math.is_finite(history),
            f"history: must be {words}": scalings.fits(transform, history),
        }
        with tf.control_dependencies(assertions(conditions)):
            history = tf.identity(history)
        scaled = tf.where(inside, self.scaling.scaled(history), 0.0)
        words = f"history: must be within {scalings.FARTHEST:g} deviations of the values of the training"
        with tf.control_dependencies(assertions({words: scalings.near(scaled)})):
            scaled = tf.identity(scaled)
        return scaled, tf.reduce_sum(self.scaling.log_slope(history), axis=-1)

    def _read(self, history, lengths):
        """Reads histories: (raw parameters of the step after each, states)."""
        values = tf.pad(self._checked(history, lengths)[0], [[0, 0], [1, 0], [0, 0]])
        states, size = self.zero_states(tf.shape(values)[0]), self._model.output_shape[-1]
        # One step more: the zeros before the first value are read, too.
        return windows.read(functools.partial(window, self._model), values, lengths + 1, states, size)
