"""The check that a setting acts: rows of a table, one or more per key, and what a row compares.

A row of a key says which effect another value has. An effect is a function of a task: it goes the way that a
training goes (data, model, loss, step) and gives what came of it.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasapp.config import building
from kerasapp.config.checks import hints
from kerasapp.config.training import TrainingConfig
from kerasapp.training.extension import going_on
from pipelines.text.tokenizers import CharacterTokenizer

# What a task's own methods read of `training`; the rest acts in kerasapp/training/, the same for all tasks,
# and has its rows in test_every_setting_training.py.
READ_BY_TASKS = {"training.seed", "training.batch_size", "training.precision"}


def differ(before, after):
    """Whether two results differ: arrays, strings, and lists and dicts of them."""
    if isinstance(before, dict):
        return before.keys() != after.keys() or any(differ(before[key], after[key]) for key in before)
    if isinstance(before, list | tuple):
        return len(before) != len(after) or any(map(differ, before, after))
    if isinstance(before, np.ndarray):
        return before.shape != after.shape or not np.allclose(before, after, rtol=1e-5, atol=1e-6)
    return before != after


def only_after(before, after):
    """Whether nothing is there before and something after: the noise of a dropout."""
    return before < 1e-5 and after > 1e-3


def grows(by):
    """The condition that `parameters` grow by so many."""
    return lambda before, after: after - before == by


def becomes(value):
    """The condition that the result is `value`, and was another."""
    return lambda before, after: after == value and before != value


@dataclasses.dataclass(frozen=True)
class Row:
    """Another value of a key, and what comes of it.

    effect: function of a task. value: the other value. holds: condition of the effects of the base's value
    and of the other one. given: keys that both need, beside the base.
    """

    effect: Callable
    value: Any
    holds: Callable = differ
    given: dict = dataclasses.field(default_factory=dict)


class Table:
    """The rows of a task: `check` fails where a key has none, or one that does not hold.

    Args:
        task_class: of `kerasapp.api`.
        base: the configuration that a row changes, by dotted key, on top of the task's default preset.
        rows: dotted key -> list of `Row`.
    """

    def __init__(self, task_class, base, rows):
        self.task_class, self.base, self.rows = task_class, base, rows
        self.effect = functools.cache(self._effect)
        self.tokenizer = functools.cache(lambda: self.task({}).tokenizer)

    @property
    def config_class(self):
        return type(self.task_class().config)

    def keys(self):
        """The keys of all fields that the task has to show to act."""
        shared = {f"training.{name}" for name in hints(TrainingConfig)} - READ_BY_TASKS
        return [key for key in building.keys(self.config_class) if key not in shared]

    def unknown(self):
        """Keys with rows that the configuration does not have."""
        return set(self.rows) - set(building.keys(self.config_class))

    def task(self, changes, tokenizer=None):
        """A task of the base with some keys replaced."""
        config = building.build(self.task_class().config, self.base, changes)
        return self.task_class(config=config, tokenizer=tokenizer)

    def check(self, key):
        """Fails where a row of the key does not hold, or where there is none."""
        if key not in self.rows:
            pytest.fail(f"no row for {key}: add one to the table that shows what another value changes")
        for row in self.rows[key]:
            before = self.effect(row.effect, _frozen(row.given))
            after = self.effect(row.effect, _frozen({**row.given, key: row.value}))
            assert row.holds(before, after), f"{row.value!r} given {row.given}: {before} -> {after}"

    def _effect(self, effect, changes):
        keras.utils.set_random_seed(1)
        same_data = not any(key.startswith(("data.", "audio.")) for key, _ in changes)
        return effect(self.task(dict(changes), self.tokenizer() if same_data else None))


def _frozen(changes):
    return tuple(sorted((key, tuple(v) if isinstance(v, list) else v) for key, v in changes.items()))


# === Effects that all tasks have ===


def arrays(values):
    """Tensors, or a dict or tuple of them, as a list of arrays."""
    return [np.asarray(value) for value in tf.nest.flatten(values)]


def batches(task, count=4):
    """The first training batches: what `fit` is given."""
    return [arrays(batch) for batch in task.training_data().take(count)]


def rows_of_batch(task):
    return len(batches(task, 1)[0][0])


def kept_in_cache(task):
    """Whether the folder "cache" of the working folder has the prepared data."""
    return bool(task.corpus) and any(Path("cache").glob("*"))


def _of_few_characters(task):
    """The same task with a vocabulary of every second character."""
    few = [CharacterTokenizer(tokenizer.characters[::2]) for tokenizer in task.tokenizers_in(task.tokenizer)]
    return type(task)(config=task.config, tokenizer=task.with_tokenizers(task.tokenizer, few))


def refuses_unknown(task):
    """Whether data with many unknown characters are refused."""
    return any("allow_unknown" in line for line in _of_few_characters(task).data_report().refusals)


def characters_gained(task):
    """How many characters a training has more than the run that it starts from."""
    before = _of_few_characters(task)
    after, _ = going_on(before, task.config, before.build(training=False))
    sizes = [sum(t.size for t in one.tokenizers_in(one.tokenizer)) for one in (before, after)]
    return sizes[1] - sizes[0]


def parameters(task):
    """How many numbers the model learns and keeps."""
    return sum(int(np.prod(weight.shape)) for weight in task.build().weights)


def filled(model):
    """The model with weights that depend on their shapes and order alone."""
    draw = np.random.default_rng(5)
    model.set_weights([draw.normal(0, 0.4, weight.shape).astype("float32") for weight in model.weights])
    return model


def first_inputs(task):
    """The first training batch; of the same data and batches it is read once."""
    c = task.config
    read = (
        c.data,
        vars(c).get("audio"),
        vars(c.model).get("reduction"),
        c.training.batch_size,
        c.training.seed,
    )
    if (task.name, read) not in _FIRST:
        _FIRST[task.name, read] = next(iter(task.training_data().take(1)))
    return _FIRST[task.name, read]


_FIRST = {}


def outputs(task):
    """What the model that is trained gives for the first batch, without dropout."""
    inputs, _ = first_inputs(task)
    return arrays(filled(task.build())(inputs, training=False))


def noise(task):
    """How far the outputs in training are from those outside it: a model without dropout has none."""
    inputs, _ = first_inputs(task)
    model = filled(task.build())
    pairs = zip(*(arrays(model(inputs, training=training)) for training in (True, False)))
    return max(float(np.max(np.abs(a - b))) for a, b in pairs)


def losses(task):
    """The losses of the first batch, by output, "" where the model has one."""
    inputs, targets = first_inputs(task)
    found, functions = filled(task.build())(inputs, training=False), task.loss()
    if not isinstance(functions, dict):
        found, targets, functions = {"": found}, {"": targets}, {"": functions}
    return {name: float(loss(targets[name], found[name])) for name, loss in functions.items()}
