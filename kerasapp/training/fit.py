"""The one place that trains: compile, callbacks and `fit` for every task, resumable to the bit."""

import contextlib
import os
import shutil
import signal

import keras
import tensorflow as tf

from kerasapp.adversarial import Adversarial, generator
from kerasapp.config import parsing
from kerasapp.errors import ConfigError
from kerasapp.layers.stack import RecurrentStack
from kerasapp.training.checkpoint import RunState, Saver
from kerasapp.training.journal import Journal
from kerasapp.training.schedule import Clock
from kerasapp.training.selection import NumberGuard, Validation

FOREVER = 1_000_000_000  # epochs; the clock ends a run


def train(task, run, initial=None):
    """Trains a task in a run folder, or goes on with a run that was stopped.

    Args:
        task: a task, as `kerasapp.tasks.generation.task.Generation`, with its complete configuration.
        run: folder; gets config.yaml, the tokenizer, checkpoints/, logs/, history.csv and best.keras.
        initial: a model of the same shape to start from; None for fresh weights.

    Returns: the `RunState` at the end.
    Raises: `DataError`; `ConfigError` where the run cannot go on, as its data have changed; `TrainingError`
        when the loss is no number; `Interrupted` after Ctrl-C or SIGTERM, once the run is saved.
    """
    config = task.config.training
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    task.prepare()  # before the folder is there: data that cannot be used leave nothing behind
    if not (run / "config.yaml").exists():  # what a run that was killed while it began has left
        shutil.rmtree(run / "checkpoints", ignore_errors=True)
    run.mkdir(parents=True, exist_ok=True)
    task.save_tokenizer(run)
    with _scope(config.strategy):
        model = task.build(training=True)
        if initial is not None:
            model.set_weights(initial.get_weights())
        trained, model = model.trainable_variables, task.learner(model)
        model.compile(optimizer=make_optimizer(config), loss=task.loss(), jit_compile=False)
        model.optimizer.build(trained)

    state = RunState(data=task.fingerprint())
    with _stop_signals() as interrupted:
        saver = Saver(
            state,
            _variables_of_a_step(model),
            run / "checkpoints",
            config.save_seconds,
            interrupted,
            inside_epoch=lambda: state.step % config.steps_per_epoch != 0,
        )
        clock = Clock(state, config)
        validation = Validation(state, clock, task, config, _keeper(run / "best.keras"))
        journal = Journal(state, clock, validation, task, run)
        if not (run / "config.yaml").exists():
            saver.save()
            parsing.save(task.config, run / "config.yaml")  # now that there is something to go on from
        with journal.bar:
            while not state.finished:
                saver.restore()  # also what `fit` has changed at its end: it leaves the averaged weights
                _check_data(state, task, run)
                epoch, inside = divmod(state.step, config.steps_per_epoch)
                model.fit(
                    task.training_data(start_step=state.step),
                    steps_per_epoch=config.steps_per_epoch - inside,
                    initial_epoch=epoch,
                    epochs=epoch + 1 if inside else FOREVER,  # the rest of an epoch first
                    callbacks=[validation, clock, NumberGuard(state, config), journal, saver],
                    shuffle=False,
                    verbose=0,
                )
    (run / "finished").write_text("", encoding="utf-8")  # seen without TensorFlow
    return state


class _Averaging:
    """An optimiser whose moving average of the weights forgets its first values in short runs too.

    The momentum is at most (1 + step) / (10 + step), as in `tf.train.ExponentialMovingAverage`.
    """

    @property
    def ema_momentum(self):
        step = keras.ops.cast(self.iterations, "float32")
        return keras.ops.minimum(self._most_momentum, (1.0 + step) / (10.0 + step))

    @ema_momentum.setter
    def ema_momentum(self, value):
        self._most_momentum = value


class _Adam(_Averaging, keras.optimizers.Adam):
    pass


class _AdamW(_Averaging, keras.optimizers.AdamW):
    pass


def make_optimizer(config):
    """Adam, or AdamW where `weight_decay` is set; the learning rate is set at each step by the schedule."""
    options = {"learning_rate": config.learning_rate, "global_clipnorm": config.clip_norm or None}
    if config.average:
        options |= {"use_ema": True, "ema_momentum": config.average}
    if not config.weight_decay:
        return _Adam(name="adam", **options)
    optimizer = _AdamW(weight_decay=config.weight_decay, name="adamw", **options)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _scope(strategy):
    return tf.distribute.MirroredStrategy().scope() if strategy == "mirrored" else contextlib.nullcontext()


def _variables_of_a_step(model):
    """All that a training step reads or changes: weights, running metrics, dropout seeds, optimiser, carried
    states. Keras's weights files and BackupAndRestore leave out the seeds and the states."""
    variables = model.variables + model.metrics_variables + model.optimizer.variables
    if isinstance(model, Adversarial):
        variables = variables + model.discriminator_optimizer.variables
    variables = [variable.value for variable in variables]
    layers = generator(model).layers
    return variables + [v for layer in layers if isinstance(layer, RecurrentStack) for v in layer.memory]


def _check_data(state, task, run):
    if state.data != task.fingerprint():
        raise ConfigError(f"{run}: its data have changed since it began; name another --run")


def _keeper(path):
    """Function that stores a model as the run's best."""

    def keep(model):
        beside = path.with_name(f".{path.name}.tmp.keras")
        model.save(beside)
        os.replace(beside, path)

    return keep


@contextlib.contextmanager
def _stop_signals():
    """Within, Ctrl-C and SIGTERM are only noted, so that a step is never cut in two; a second one kills."""
    noted = []

    def note(number, frame):
        noted.append(number)
        signal.signal(number, previous[number])

    previous = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, note)
    except ValueError:  # not the main thread: the program around us handles signals
        pass
    try:
        yield lambda: bool(noted)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
