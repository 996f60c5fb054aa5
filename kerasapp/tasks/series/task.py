"""The task `series`: from tables of numbers over time to a network that forecasts, with its uncertainty."""

import dataclasses
from functools import cached_property

import numpy as np
import tensorflow as tf

from kerasapp.config import parsing
from kerasapp.task import Task
from kerasapp.tasks.series import plots as plots_series
from kerasapp.tasks.series.answers import QUANTILES, padded
from kerasapp.tasks.series.losses import MixtureLoss
from kerasapp.tasks.series.metrics import crps
from kerasapp.tasks.series.model import SeriesModel
from kerasapp.tasks.series.servable import SeriesServable
from kerasapp.tasks.series.spec import SPEC
from kerasapp.training.precision import policy
from pipelines import series as pipeline
from pipelines import series_report
from pipelines.scaling import Scaling

SCORED_AT_ONCE = 1024  # steps between two calls of the scoring graph
BURN_IN = 2000  # most steps of the past that are read before a split or a forecast
ORIGINS = 50  # most forecasts that are scored in a split
AT_ONCE = 10  # forecasts per batch
SAMPLES = SPEC.defaults["samples"]  # random paths per forecast
SHOWN = 200  # most steps of the past in TensorBoard's picture


class Series(Task):
    """Data, model, metrics and servable of series. Only here do pipeline and model meet.

    Args: see `kerasapp.task.Task`; `tokenizer` is a `pipelines.scaling.Scaling`.

    Example:

        task = Series(preset="sunspots")
        train, valid = task.datasets()
        model = task.build()
        model.compile("adam", task.loss())
        model.fit(train, validation_data=valid)
        task.export(model, "saved_models/sunspots")
    """

    name = "series"
    monitor, direction = "nats_per_value", -1  # lower is better

    # === Data ===

    @cached_property
    def corpus(self):
        """The table, its splits and its scaling (see `pipelines.series.prepare`)."""
        c = self.config.data
        parsing.require_data(self.config)
        return pipeline.prepare(
            c.files,
            columns=c.columns,
            date=c.date,
            transform=c.transform,
            split=c.split,
            scaling=self._given_tokenizer,
            minimum=self._minimum or c.window + 1,
        )

    def _learned_tokenizer(self):
        return self.corpus.scaling

    @classmethod
    def load_tokenizer(cls, folder):
        return Scaling.load(folder)

    def training_data(self, start_step=0):
        """Endless dataset of (values before, values), float32 [batch, window, columns], from any step."""
        c = self.config
        return pipeline.training_windows(
            self.corpus.split("train"),
            streams=c.training.batch_size,
            window=c.data.window,
            seed=c.training.seed,
            start_step=start_step,
        )

    def steps_per_pass(self):
        return pipeline.steps_per_pass(self.corpus.sizes["train"], window=self.config.data.window)

    def validation_data(self):
        streams, window = self.config.training.batch_size, self.config.data.window
        return pipeline.validation_windows(self.corpus.split("valid"), streams=streams, window=window)

    def data_report(self):
        return series_report.report(self.corpus, self.config.data.files)

    def remarks(self, split):
        return self.corpus.remarks([split])

    # === Model ===

    def build(self, training=True, carry=True):
        """A plain functional `keras.Model`.

        Args:
            training: False for a model that is only to answer.
            carry: whether a training batch of `training.batch_size` rows starts from the states that the
                batch before ended with, as the windows of `datasets` go on where those before ended. False
                for windows in any other order, which start from zeros.
        """
        c = self.config.training
        return SeriesModel(
            len(self.tokenizer.columns),
            streams=self._rows_of_a_device() if training and carry else None,
            dtype=policy(c.precision) if training else None,
            **dataclasses.asdict(self.config.model),
        )

    def loss(self):
        return MixtureLoss()

    def servable(self, model):
        """The one module that answers (see `SeriesServable`)."""
        return SeriesServable(model, self.tokenizer)

    # === Evaluation ===

    def measure(self, predictor, split, progress):
        """Scores a split: the density of its values, and forecasts from steps spread over it.

        At each step the model has read all values before it, up to `BURN_IN` steps. Up to `ORIGINS` forecasts
        are made, each `data.horizon` steps ahead, or as many as the split has.

        Returns: "nats_per_value", -ln of the density in the values' own unit; "crps", the mean of
            `kerasapp.tasks.series.metrics.crps` over all steps ahead and columns; "crps_first" and
            "crps_last", that of the first and the last step ahead; "mae" of the median; "coverage_90", the
            share of values between the quantiles 0.05 and 0.95; "horizon"; "origins", the number of
            forecasts; "items", the number of values that the nats are of. Of several columns "crps" and "mae"
            count deviations of the column in the training split, and "columns" has each column's "crps",
            "mae" and "coverage_90" in its own unit.
        """
        metrics = self._score(predictor.servable, split)
        return {**metrics, **self._forecasts(predictor.servable, split, progress), "items": metrics["items"]}

    def validate(self, model):
        """The metrics of the serving model after an epoch; empty without a validation split."""
        if not self.corpus.sizes["valid"]:
            return {}
        return {"nats_per_value": self._score(self.serving(model), "valid")["nats_per_value"]}

    def summarise(self, model):
        """Writes a picture of a forecast that starts where the training split ends."""
        end = self.corpus.bounds["train"][1]
        history = self.corpus.values[max(0, end - BURN_IN) : end]
        knobs = [tf.constant([value]) for value in (self.config.data.horizon, SAMPLES, 0)]
        answer = self.serving(model).forecast(history[tf.newaxis], tf.constant([len(history)]), *knobs)
        picture = plots_series.forecast_image(
            history[-SHOWN:],
            answer["quantiles"][0].numpy(),
            QUANTILES,
            self.tokenizer.columns,
            observed=self.corpus.values[end : end + self.config.data.horizon],
        )
        tf.summary.image("forecast", tf.io.decode_png(picture, channels=3)[tf.newaxis])

    def origins(self, split):
        """(the steps at which a split's forecasts start, their number of steps ahead)."""
        start, end = self.corpus.bounds[split]
        horizon = min(self.config.data.horizon, end - start)
        last = end - horizon
        return np.unique(np.linspace(start, last, min(ORIGINS, last - start + 1)).astype(int)), horizon

    def _score(self, servable, split):
        start, end = self.corpus.bounds[split]
        first = max(0, start - BURN_IN)
        values = self.corpus.values[max(0, first - 1) : end]
        scaled = self.tokenizer.scaled(values).numpy()
        slope = tf.reduce_sum(self.tokenizer.log_slope(values), axis=-1).numpy()
        before = np.concatenate([np.zeros_like(scaled[:1]), scaled[:-1]])
        if first:  # the input of the first step is the value before it, not zero
            scaled, slope, before = scaled[1:], slope[1:], before[1:]
        states, nats = servable.zero_states(1), 0.0
        for at in range(0, len(scaled), SCORED_AT_ONCE):
            window = slice(at, at + SCORED_AT_ONCE)
            counted = np.arange(first + at, first + at + len(scaled[window])) >= start
            rows = (tf.constant(a[window][np.newaxis]) for a in (before, scaled, slope))
            new, states = servable.score_window(*rows, tf.constant(counted[np.newaxis]), states)
            nats += float(new[0])
        count = (end - start) * values.shape[1]
        return {"nats_per_value": nats / count, "items": count}

    def _forecasts(self, servable, split, progress):
        values = self.corpus.values
        origins, horizon = self.origins(split)
        found = {"crps": [], "mae": [], "coverage_90": []}  # lists of [origins, horizon, columns]
        for at in range(0, len(origins), AT_ONCE):
            group = origins[at : at + AT_ONCE]
            drawn = self._paths(servable, group, horizon)  # [origins, samples, horizon, columns]
            seen = np.stack([values[origin : origin + horizon] for origin in group])
            low, median, high = np.quantile(drawn, [0.05, 0.5, 0.95], axis=1)
            found["crps"].append(crps(np.moveaxis(drawn, 1, 0), seen))
            found["mae"].append(np.abs(median - seen))
            found["coverage_90"].append((low <= seen) & (seen <= high))
            progress(min(1.0, (at + AT_ONCE) / len(origins)))
        found = {name: np.concatenate(parts) for name, parts in found.items()}
        return {**self._of_all_columns(found), "horizon": horizon, "origins": len(origins)}

    def _of_all_columns(self, found):
        """The metrics of all columns, and of each where there are several (see `measure`).

        Args:
            found: name -> [origins, horizon, columns], in the values' own units.
        """
        columns, each = self.tokenizer.columns, {}
        unit = np.ones(1)
        if len(columns) > 1:
            means = {name: part.mean(axis=(0, 1)) for name, part in found.items()}
            each = {
                "columns": {
                    column: {name: float(mean[i]) for name, mean in means.items()}
                    for i, column in enumerate(columns)
                }
            }
            ends = self.tokenizer.restored(np.outer([-1.0, 1.0], np.ones(len(columns)))).numpy()
            unit = (ends[1] - ends[0]) / 2  # what a deviation is in values: about that, after a log or root
        scores = found["crps"] / unit
        return {
            "crps": float(scores.mean()),
            "crps_first": float(scores[:, 0].mean()),
            "crps_last": float(scores[:, -1].mean()),
            "mae": float((found["mae"] / unit).mean()),
            "coverage_90": float(found["coverage_90"].mean()),
            **each,
        }

    def _paths(self, servable, origins, horizon):
        """Paths from several steps; the history of each is all before it, up to `BURN_IN` steps."""
        inputs = padded([self.corpus.values[max(0, origin - BURN_IN) : origin] for origin in origins])
        knobs = (np.full(len(origins), value, np.int32) for value in (horizon, SAMPLES, 0))
        return servable.simulate(inputs["history"], inputs["lengths"], *knobs)["paths"].numpy()
