"""The optimiser of a run beside Adam in NumPy: clipping, weight decay, averaging."""

import keras
import numpy as np
import pytest
from dense_task import DenseTask

from kerasapp.config.training import TrainingConfig
from kerasapp.tasks.generation.model import GenerationModel
from kerasapp.training.fit import train
from kerasapp.training.optimizer import averaged, make_optimizer

GRADIENTS = [[3.0, 4.0], [0.03, 0.04], [-30.0, 40.0]]  # norms 5, 0.05, 50


def adam(gradients, rate):
    """Where Adam takes two weights from 0 (Kingma & Ba 2015, algorithm 1)."""
    weights, first, second = np.zeros(2), np.zeros(2), np.zeros(2)
    for t, gradient in enumerate(np.array(gradients), 1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        weights -= rate * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-7)
    return weights


def clipped(gradients, norm):
    return [np.array(g) * min(1.0, norm / np.linalg.norm(g)) for g in gradients]


@pytest.mark.parametrize("norm", [0.0, 1.0, 10.0])
def test_gradients_are_clipped_by_the_norm_of_all_together(norm):
    variables = [keras.Variable([0.0]), keras.Variable([0.0])]
    optimizer = make_optimizer(TrainingConfig(steps=1, learning_rate=0.1, clip_norm=norm))
    optimizer.build(variables)
    for gradient in GRADIENTS:
        optimizer.apply([np.float32([value]) for value in gradient])
    found = [float(variable[0]) for variable in variables]
    expected = adam(clipped(GRADIENTS, norm) if norm else GRADIENTS, 0.1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_weights_decay_and_biases_and_normalisations_do_not(decay):
    model = GenerationModel(5, units=4, layers=2, embedding_size=3, layer_normalisation=True)
    for variable in model.trainable_variables:
        variable.assign(keras.ops.ones_like(variable))
    optimizer = make_optimizer(TrainingConfig(steps=1, learning_rate=0.5, weight_decay=decay))
    optimizer.build(model.trainable_variables)
    optimizer.apply([keras.ops.zeros_like(variable) for variable in model.trainable_variables])
    left = {variable.path: float(keras.ops.mean(variable)) for variable in model.trainable_variables}
    kept = {path for path in left if path.endswith(("bias", "gamma", "beta"))}
    assert len(kept) >= 5 and len(left) > len(kept)
    for path, value in left.items():
        assert value == pytest.approx(1.0 if path in kept else 1.0 - 0.5 * decay), path


@pytest.mark.parametrize("key", ["clip_norm", "weight_decay", "average", "learning_rate"])
def test_a_run_has_the_optimiser_of_its_configuration(tmp_path, key):
    found = []
    for name, keys in {"plain": {}, "other": {key: 0.01}}.items():
        task = DenseTask(**keys)
        train(task, tmp_path / name)
        found.append(keras.models.load_model(tmp_path / name / "best.keras").get_weights()[0])
    assert np.abs(found[0] - found[1]).max() > 1e-6


@pytest.mark.parametrize("average", [0.999, 0.5])  # the second is reached within 50 steps
def test_a_short_runs_average_forgets_its_first_weights(average):
    variable = keras.Variable([0.0])
    optimizer = make_optimizer(TrainingConfig(steps=1, average=average, learning_rate=0.5))
    optimizer.build([variable])
    expected, seen = 0.0, []
    for step in range(50):
        optimizer.apply([np.ones([1], "float32")])
        seen.append(float(variable[0]))
        momentum = min(average, (1 + step) / (10 + step)) if step else 0.0
        expected = momentum * expected + (1 - momentum) * seen[-1]
    found = float(optimizer._model_variables_moving_average[0][0])
    assert found == pytest.approx(expected, rel=1e-5)
    assert abs(found - seen[-1]) < 5 < abs(seen[0] - seen[-1])


@pytest.mark.parametrize("on", [True, False])
def test_averaged_restores_the_weights(on):
    model = keras.Sequential([keras.Input([2]), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1, use_ema=on, ema_momentum=0.5), "mse")
    for _ in range(3):
        model.train_on_batch(np.ones([4, 2]), np.full([4, 1], 5.0))
    before = model.get_weights()
    with averaged(model, model.optimizer):
        assert np.array_equal(model.get_weights()[0], before[0]) is not on
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
