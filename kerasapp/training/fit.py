"""The one place that trains: Keras `fit` for every task, resumable to the bit."""

import contextlib
import functools
import math
import os
import signal
from pathlib import Path

import keras
import tensorflow as tf

from kerasapp.config import parsing
from kerasapp.errors import ConfigError, note
from kerasapp.layers.stack import RecurrentStack
from kerasapp.training.callbacks import NumberGuard, RunCallbacks, load_callbacks
from kerasapp.training.checkpoint import RunState, Saver
from kerasapp.training.logger import Logger
from kerasapp.training.optimizer import make_optimizer
from kerasapp.training.run_folder import absolute, clear, opened
from kerasapp.training.schedule import Schedule
from kerasapp.training.selection import Selection
from pipelines import data_report

FOREVER = 1_000_000_000  # epochs; the schedule ends a run


def train(task, run, callbacks=(), initial=None):
    """Trains a task in a run folder, or goes on with a run that was stopped.

    All of `task.config.training` holds: schedule, checkpoints, selection of the best model. A run limited by
    steps, stopped and continued, ends with the weights of one that was never stopped. TensorFlow's operations
    are deterministic from here on, and the global random seed is set.

    Args:
        task: a task, such as `kerasapp.Generation(preset="tinyshakespeare")`.
        run: the run's folder; gets config.yaml, data_report.json, the tokenizer, checkpoints/, logs/,
            history.csv, best.keras.
        callbacks: Keras callbacks, after those that `training.callbacks` names. The logs at the end of an
            epoch have "loss", "learning_rate" and, as "val_NAME", the metrics of validation. Setting
            `self.model.stop_training` ends the run. Their own state is not in the checkpoints.
        initial: a model of the same shape to start from; None for fresh weights.

    Returns: the `RunState` at the end.
    Raises: `DataError`; `ConfigError` where the folder holds a finished or another run, where another process
        trains in it, or the data have changed; `TrainingError` when the loss is not a number; `Interrupted`
        after Ctrl-C or SIGTERM, once the run is saved.
    """
    run = Path(run)
    with opened(run, absolute(task.config)) as resuming:
        return fit(task, run, resuming, callbacks, initial)


def fit(task, run, resuming, callbacks=(), initial=None):
    """What `train` does once the folder is `opened`; `resuming`: whether a run in it goes on."""
    config = task.config.training
    callbacks = [*load_callbacks(config.callbacks), *callbacks]
    keras.utils.set_random_seed(config.seed)
    tf.config.experimental.enable_op_determinism()
    task.prepare()  # data that cannot be used neither make nor delete anything
    if not resuming:
        report = tell(task)
        clear(run)
        report.save(run)
    if (run / data_report.FILE).is_file():  # older runs have none
        task.data_report_file = run / data_report.FILE
    task.save_tokenizer(run)
    mirrored = config.strategy == "mirrored"
    with tf.distribute.MirroredStrategy().scope() if mirrored else contextlib.nullcontext():
        model = task.build(training=True)
        if initial is not None:
            model.set_weights(initial.get_weights())
        learner = task.learner(model)
        learner.compile(optimizer=make_optimizer(config), loss=task.loss(), jit_compile=False)
        learner.optimizer.build(model.trainable_variables)

    state = RunState(data=task.fingerprint())
    with _stop_signals() as interrupted:
        saver = Saver(state, _variables_of_a_step(learner), run / "checkpoints", config, interrupted)
        schedule = Schedule(state, config)
        keep = functools.partial(_store, run / "best.keras")
        selection = Selection(state, schedule, task, model, config, keep)
        logger = Logger(state, schedule, selection, task, run)
        ours = [selection, schedule, NumberGuard(state, config), logger]
        epochs = math.ceil(config.steps / config.steps_per_epoch) if config.steps else FOREVER
        params = {"verbose": 0, "epochs": epochs, "steps": config.steps_per_epoch}
        listed = RunCallbacks([*ours, *callbacks, saver], learner, state, **params)
        if not resuming:
            saver.save()
            parsing.save(absolute(task.config), run / "config.yaml")  # now there is something to go on from
        with logger.bar:
            _fit_to_the_end(task, run, learner, state, saver, listed)
    (run / "finished").write_text("", encoding="utf-8")  # seen without TensorFlow
    return state


def tell(task, show=lambda report: note("\n".join(report.lines()))):
    """Shows the data report of a task, by default on standard error, and returns it.

    Raises: `DataError` where the data are refused.
    """
    report = task.data_report()
    report.content = task.fingerprint()
    show(report)
    report.check()
    return report


def _fit_to_the_end(task, run, learner, state, saver, callbacks):
    per_epoch = task.config.training.steps_per_epoch
    saver.restore()
    if state.data != task.fingerprint():
        raise ConfigError(f"{run}: its data have changed since it began; name another --run")
    while not state.finished:
        epoch, inside = divmod(state.step, per_epoch)
        learner.fit(
            task.training_data(start_step=state.step),
            steps_per_epoch=per_epoch - inside,
            initial_epoch=epoch,
            epochs=epoch + 1 if inside else FOREVER,  # the rest of an epoch first
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        )


def _variables_of_a_step(learner):
    """All that a training step reads or changes: weights, running metrics, dropout seeds, optimisers, carried
    states. Keras's weights files and BackupAndRestore leave out the seeds and the states."""
    variables = learner.variables + learner.metrics_variables + learner.optimizer.variables
    variables = [variable.value for variable in variables + list(getattr(learner, "extra_variables", ()))]
    stacks = [layer for layer in learner._flatten_layers() if isinstance(layer, RecurrentStack)]
    return variables + [state for stack in stacks for state in stack.memory]


def _store(path, model):
    """Stores a model whole or not at all."""
    beside = path.with_name(f".{path.name}.tmp.keras")
    model.save(beside)
    os.replace(beside, path)


@contextlib.contextmanager
def _stop_signals():
    """Within, Ctrl-C and SIGTERM are only noted, so that a step is never cut in two; a second one kills."""
    noted = []

    def keep(number, frame):
        noted.append(number)
        signal.signal(number, previous[number])

    previous = {}
    with contextlib.suppress(ValueError):  # not the main thread: the program around us handles signals
        for number in (signal.SIGINT, signal.SIGTERM):
            previous[number] = signal.signal(number, keep)
    try:
        yield lambda: bool(noted)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
