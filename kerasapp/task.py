"""What the tasks share: configuration, data, the model that is stored and served, its servable."""

import json
import os
from functools import cached_property

import tensorflow as tf

from kerasapp import spec
from kerasapp.config import building, presets
from kerasapp.errors import ConfigError, note
from kerasapp.knobs import texts
from pipelines.batching import each_pass
from pipelines.data_report import DataReport, unknown_warning
from pipelines.errors import shortened

LARGE = 50_000_000  # bytes of data from which on the stages of tokenising are reported


class Task:
    """Base of the tasks.

    A subclass has `name`, `corpus`, `load_tokenizer(folder)`, `training_data(start_step)`, `build(training)`,
    `loss()`, `servable(model)`, `measure(predictor, split, progress, **options)`, `validate(model)`,
    `summarise(model)`; `monitor`, the name of the validation metric that chooses the best model, and
    `direction`: 1 where higher is better, else -1. For `datasets()` it has `steps_per_pass()`, the number of
    batches in which a pass goes over the training split, and `validation_data()`, a finite dataset.

    The corpus has `sizes`, split -> number of what it holds; `content`, a digest of the data; `tokenizer`. A
    task with nothing to learn from its data returns None from `load_tokenizer`, and replaces
    `save_tokenizer`.

    Args:
        preset: name of a preset; by default, without `config`, the task's default one.
        config: a complete configuration of the task, instead of a preset.
        tokenizer: what `load_tokenizer` returns, such as that of another run; by default it is learned from
            the training split.
        minimum: the least tokens or examples in a split; by default what training needs.
        **sections: keys to change, as `training={"steps": 100}`.
    """

    name: str
    data_report_file = None  # of the training, once a run is trained or loaded; an export takes it along

    def __init__(self, preset=None, *, config=None, tokenizer=None, minimum=None, **sections):
        self.config = building.build(config or presets.preset(self.name, preset), sections)
        self._given_tokenizer = tokenizer
        self._minimum = minimum

    # === Data ===

    @property
    def tokenizer(self):
        return self._given_tokenizer or self._learned_tokenizer()

    def _learned_tokenizer(self):
        return self.corpus.tokenizer

    def save_tokenizer(self, folder):
        """Writes `TaskSpec.files`."""
        self.tokenizer.save(folder)

    def fingerprint(self):
        """A digest of the data, by which a run is known."""
        return self.corpus.content

    def prepare(self):
        """Reads the data, so that their faults show first."""
        return self.corpus

    def data_report(self):
        """What was found in the data, a `pipelines.data_report.DataReport`: told before a training."""
        report, sizes = DataReport(self.name), self.corpus.sizes
        report.read["files"] = self.config.data.all_files
        report.tables["splits"] = {split: {"items": size} for split, size in sizes.items() if size}
        batch = tf.nest.flatten(next(iter(self.training_data().take(1))))
        for row in range(min(2, *map(len, batch))):
            values = (str(part[row].numpy().tolist()) for part in batch)
            report.examples.append("; ".join(shortened(value, 70) for value in values))
        return report

    def unknown(self, split):
        """The characters of a split that the vocabulary does not have: list of `Unknown`."""
        return []

    def remarks(self, split):
        """What is to be told of a split before it is scored: list of lines."""
        return [line for line in map(unknown_warning, self.unknown(split)) if line]

    def datasets(self):
        """(training dataset, validation dataset or None), for a `fit` of your own.

        Each iteration of the training dataset, as in each epoch of `fit`, goes once over the training split,
        in another order or from another offset.
        """
        train = each_pass(self.training_data, self.steps_per_pass())
        return train, self.validation_data() if self.corpus.sizes["valid"] else None

    # What `data.extend_vocabulary` needs of a task whose tokens are characters (`training.extension`): the
    # names of the layers with weights per token -> the place of their tokenizer among `tokenizers_in`.
    vocabulary_layers = {}

    @staticmethod
    def tokenizers_in(tokenizer):
        """The `pipelines.text.tokenizers.Tokenizer`s in what `load_tokenizer` returns: a list."""
        return [tokenizer]

    @staticmethod
    def with_tokenizers(tokenizer, tokenizers):
        """What `load_tokenizer` returns, with other tokenizers in it."""
        return tokenizers[0]

    # === Model ===

    def learner(self, model):
        """What `fit` trains: the model that `build` gave, or a `keras.Model` around it with a `train_step` of
        its own, such as `SeqGAN`.

        In both cases the model itself is validated, averaged and stored, and the run's optimiser has its
        trainable variables. Where a step changes more than weights, metrics and that optimiser, such as the
        variables of a second optimiser, the learner lists it in an attribute `extra_variables`, and each
        checkpoint holds it.
        """
        return model

    @classmethod
    def described(cls):
        """The `kerasapp.spec.TaskSpec` of the task."""
        return spec.spec(cls.name)

    @property
    def predictor(self):
        """The class of the task's `Predictor`."""
        return self.described().load("predictor")

    def export(self, model, folder, metrics=None, tflite=(), check=None):
        """Writes the next version under `folder`; returns it (see `kerasapp.export.saved_model.export`)."""
        from kerasapp.export import saved_model  # here: training needs none of it

        return saved_model.export(self, model, folder, metrics, tflite, check)

    def evaluate(self, predictor, split=None, *, progress=None, **options):
        """Metrics of a trained model on a split: name -> value; "items" is the number of what they are of.

        Args:
            predictor: the trained model's `Predictor`, as `kerasapp.load` returns it.
            split: "train", "valid" or "test"; by default the first of test, valid, train that is not empty.
            progress: function that gets the share done, now and then.
            **options: those of `TaskSpec.evaluation`.

        Raises: ConfigError for an empty split.
        """
        split = split or self.config.data.default_split
        if not self.corpus.sizes[split]:
            raise ConfigError(f"data.split: {list(self.config.data.split)} leaves nothing for {split}")
        if self._has_changed():
            note(
                f"the data have changed since the training: parts of the {split} split may have been trained "
                "on, and scores on these are too good"
            )
        for line in self.remarks(split):
            note(line)
        options = {knob.name: knob.default for knob in self.described().evaluation} | options
        return self.measure(predictor, split, progress or (lambda share: None), **options)

    def _has_changed(self):
        """Whether the data are others than at the training; False where nothing is known of it."""
        if self.data_report_file is None:
            return False
        content = json.loads(self.data_report_file.read_text("utf-8")).get("content")
        return content is not None and content != self.fingerprint()

    def serving_model(self, model):
        """The model as it is stored and served, float32, without training's layers; one for all calls."""
        self._serving_model.set_weights(model.get_weights())
        return self._serving_model

    def serving(self, model):
        """The servable of the serving model, the same for all epochs: its graphs are traced once and read
        the current weights. Another model gets a servable of its own."""
        return self._serving if model is self._serving_model else self.servable(model)

    def _report_of(self, files):
        """A function that reports the stages of reading large files; None for small files."""
        return note if sum(map(os.path.getsize, filter(os.path.isfile, files))) > LARGE else None

    def _rows_of_a_device(self):
        """The rows of a training batch per device, whose states are carried."""
        rows, devices = self.config.training.batch_size, tf.distribute.get_strategy().num_replicas_in_sync
        if rows % devices:
            raise ConfigError(f"training.batch_size: {rows} is no multiple of the {devices} devices")
        return rows // devices

    @cached_property
    def _serving_model(self):
        return self.build(training=False)

    @cached_property
    def _serving(self):
        return self.servable(self._serving_model)


class Predictor:
    """A trained model that answers in this process; base of the tasks' predictors.

    The task's answers are the second base: `class Translator(Predictor, TranslationAnswers)`.

    Args:
        task: the `Task`, with configuration and tokenizer.
        model: its trained model.
        servable: of the model; by default the task makes one.
    """

    def __init__(self, task, model, servable=None):
        self.task, self.model = task, model
        self.servable = servable or task.servable(model)
        super().__init__(asking(self.servable))

    def evaluate(self, split=None, *, progress=None, **options):
        """Metrics on a split of the configuration's data (see `Task.evaluate`)."""
        return self.task.evaluate(self, split, progress=progress, **options)


def strings(values):
    """A list of strings as a tensor [batch]; what a shell passes on that is not UTF-8 stays as it is."""
    return tf.constant(texts(values).tolist(), tf.string, [len(values)])


def _tensor(array):
    """What a function takes for an array. One of float64 stays NumPy's: it is then cast to the type of the
    function's input, where a tensor would be refused."""
    if array.dtype == object:
        return strings(array)
    return array if array.dtype == float else tf.constant(array)


def asking(servable):
    """A function (name, inputs) that calls a function or a signature of a servable with arrays and returns
    arrays: what a server does with a signature, in this process."""

    def ask(name, inputs):
        function = getattr(servable, name, None) or servable.signatures()[name]
        tensors = {key: _tensor(array) for key, array in inputs.items()}
        return {key: tensor.numpy() for key, tensor in function(**tensors).items()}

    return ask


def filled(knobs, texts):
    """The knobs of requests that give none: name -> tensor [batch] of its default, for `texts` [batch]."""
    return {knob.name: tf.fill(tf.shape(texts), tf.constant(knob.default, knob.dtype)) for knob in knobs}


def knob_specs(knobs):
    """A `tf.TensorSpec` [batch] of each knob."""
    return [tf.TensorSpec([None], knob.dtype, knob.name) for knob in knobs]


def in_range(knobs, values):
    """Assertions that each row's value of each knob is in its range: what `Knob.check` is outside the graph.

    Args:
        knobs: those to check. values: a tensor [batch] for each, in their order.

    Returns: list of operations.
    """
    values = dict(zip((knob.name for knob in knobs), values, strict=True))
    conditions = {}
    for knob in filter(lambda knob: knob.is_limited, knobs):
        value = values[knob.name]
        words = f"{knob.name}: must be from {knob.least} to {knob.most}"
        conditions[words] = (value >= knob.least) & (value <= knob.most)
        if knob.at_most in values:
            conditions[f"{knob.name}: must be at most {knob.at_most}"] = value <= values[knob.at_most]
    return assertions(conditions)


def assertions(ranges):
    """What ends a request in the graph, with a message, where a condition does not hold for every row:
    list of operations of message -> bool tensor."""
    return [tf.debugging.Assert(tf.reduce_all(holds), [message]) for message, holds in ranges.items()]
