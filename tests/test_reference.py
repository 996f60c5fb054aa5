"""The oracle's dense layers, losses and descent against finite differences, worked examples and Keras."""

import inspect

import keras
import numpy as np
import pytest
import reference
import reference_attention
import reference_convolution
import reference_decoder
import reference_recurrent
from reference_differences import assert_gradients, finite_differences, normal

UNITS, FEATURES = 3, 2


@pytest.mark.parametrize("activation", reference.ACTIVATIONS)
def test_dense_has_the_gradients_of_finite_differences(activation):
    arguments = {"x": normal(0, 4, FEATURES), "kernel": normal(1, FEATURES, UNITS), "bias": normal(2, UNITS)}
    dy = normal(3, 4, UNITS)
    found = reference.dense_back(dy, **arguments, activation=activation)
    assert_gradients(
        lambda **a: np.sum(dy * reference.dense(**a, activation=activation)),
        arguments,
        dict(zip(arguments, found)),
    )


def test_a_neuron_worked_by_hand():
    """y = s(0.5 * 1 - 1 * 2 + 1.5) = s(0) = 0.5; L = (y - 1)^2 = 0.25; dz = 2 * (-0.5) * 0.25 = -0.25."""
    x, kernel, bias = np.array([[1.0, 2.0]]), np.array([[0.5], [-1.0]]), np.array([1.5])
    y = reference.dense(x, kernel, bias, "sigmoid")
    dy = reference.mean_squared_error_back(np.ones([1, 1]), y)
    dx, dkernel, dbias = reference.dense_back(dy, x, kernel, bias, "sigmoid")
    assert y.item() == 0.5 and reference.mean_squared_error(np.ones([1, 1]), y) == 0.25
    np.testing.assert_allclose(dkernel, [[-0.25], [-0.5]])
    np.testing.assert_allclose(dx, [[-0.125, 0.25]])
    np.testing.assert_allclose(dbias, [-0.25])
    (after,) = reference.gradient_descent([kernel], [dkernel], 0.1)
    np.testing.assert_allclose(after, [[0.525], [-0.95]])  # towards the target, which lies above y


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_losses_have_the_gradients_of_finite_differences(smoothing):
    logits, targets = normal(0, 6, 5), np.array([3, 0, 4, 1, 0, 2])
    pairs = [
        (reference.cross_entropy, reference.cross_entropy_back, (targets,), ()),
        (reference.mean_squared_error, reference.mean_squared_error_back, (normal(1, 6, 5),), ()),
        (
            reference.smoothed_cross_entropy,
            reference.smoothed_cross_entropy_back,
            (targets,),
            (smoothing,),
        ),
    ]
    for loss, back, before, after in pairs:
        truth = finite_differences(lambda x: loss(*before, x, *after), logits)  # noqa: B023
        np.testing.assert_allclose(back(*before, logits, *after), truth, rtol=1e-6, atol=1e-6)


def test_softmax_worked_by_hand():
    np.testing.assert_allclose(reference.softmax(np.log([1.0, 2.0, 5.0])), [1 / 8, 2 / 8, 5 / 8])
    masked = reference.softmax(np.log([1.0, 2.0, 5.0]), np.array([1.0, 1.0, 0.0]))
    np.testing.assert_allclose(masked, [1 / 3, 2 / 3, 0])
    assert not reference.softmax(np.ones(3), np.zeros(3)).any()
    assert reference.cross_entropy(np.array([2]), np.log([[1.0, 2.0, 5.0]])) == pytest.approx(np.log(8 / 5))


def test_embedding_and_tied_logits_have_the_gradients_of_finite_differences():
    table, ids, y = normal(0, 5, UNITS), np.array([1, 3, 1]), normal(1, 4, UNITS)
    dy, dlogits = normal(2, 3, UNITS), normal(3, 4, 5)
    truth = finite_differences(lambda t: np.sum(dy * reference.embedding(ids, t)), table)
    np.testing.assert_allclose(reference.embedding_back(dy, ids, table), truth, rtol=1e-6, atol=1e-6)
    found = dict(zip(("y", "table"), reference.tied_logits_back(dlogits, y, table)))
    assert_gradients(
        lambda **a: np.sum(dlogits * reference.tied_logits(**a)), {"y": y, "table": table}, found
    )


XOR = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])


def two_layers():
    """A network for exclusive or, which one layer alone cannot learn."""
    return [
        (normal(4, 2, 4), normal(5, 4), "tanh"),
        (normal(6, 4, 1), normal(7, 1), "sigmoid"),
    ]


def descend(layers, rate):
    """A step down; the loss before it."""
    values = reference.network(XOR[0], layers)
    _, gradients = reference.network_back(
        reference.mean_squared_error_back(XOR[1], values[-1]), values, layers
    )
    stepped = [
        (*reference.gradient_descent((kernel, bias), gradient, rate), activation)
        for (kernel, bias, activation), gradient in zip(layers, gradients)
    ]
    return stepped, reference.mean_squared_error(XOR[1], values[-1])


def test_descent_by_backpropagation_is_that_of_keras():
    layers = two_layers()
    model = keras.Sequential([keras.layers.Dense(len(b), a, dtype="float64") for _, b, a in layers])
    model.build((None, 2))
    model.set_weights([w for kernel, bias, _ in layers for w in (kernel, bias)])
    model.compile(keras.optimizers.SGD(0.5), "mse")
    for _ in range(3):
        layers, loss = descend(layers, 0.5)
        assert model.train_on_batch(*XOR) == pytest.approx(loss, rel=1e-5)
    for found, truth in zip(model.get_weights(), [w for *both, _ in layers for w in both]):
        np.testing.assert_allclose(found, truth, rtol=1e-5)


def test_adam_and_clipping_are_those_of_keras():
    parameters, gradients = [normal(0, 3, 2), normal(1, 2)], [normal(2, 3, 2), normal(3, 2)]
    variables = [keras.Variable(p, dtype="float64") for p in parameters]
    optimizer = keras.optimizers.Adam(0.01, global_clipnorm=0.5)
    moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
    for step in range(1, 5):
        gradients = [g * (-1.5) ** step for g in gradients]  # of other sizes and signs each time
        optimizer.apply([keras.ops.convert_to_tensor(g) for g in gradients], variables)
        clipped = reference.clipped(gradients, 0.5)
        parameters, moments = reference.adam(parameters, clipped, moments, step, 0.01)
        for found, truth in zip(variables, parameters):
            np.testing.assert_allclose(found.numpy(), truth, atol=1e-6)
    small = [g / 1e6 for g in gradients]
    np.testing.assert_array_equal(reference.clipped(small, 0.5)[0], small[0])


def test_exclusive_or_is_learned():
    layers = two_layers()
    for _ in range(2000):
        layers, loss = descend(layers, 1.0)
    assert loss < 0.005
    np.testing.assert_array_equal(reference.network(XOR[0], layers)[-1].round(), XOR[1])


@pytest.mark.parametrize("width", [3, 4])
def test_convolution_has_the_gradients_of_finite_differences(width):
    arguments = {"x": normal(0, 6, FEATURES), "kernel": normal(1, width, FEATURES, UNITS)}
    dy = normal(2, 6, UNITS)
    found = reference_convolution.convolution_back(dy, **arguments)
    assert_gradients(
        lambda **a: np.sum(dy * reference_convolution.convolution(**a)),
        arguments,
        dict(zip(arguments, found)),
    )


def test_layer_normalisation_has_the_gradients_of_finite_differences():
    arguments = {"x": normal(0, 4, 5), "gamma": normal(1, 5), "beta": normal(2, 5)}
    dy = normal(3, 4, 5)
    found = reference_convolution.layer_normalisation_back(dy, **arguments)
    assert_gradients(
        lambda **a: np.sum(dy * reference_convolution.layer_normalisation(**a)),
        arguments,
        dict(zip(arguments, found)),
    )


@pytest.mark.parametrize(
    "module", [reference, reference_recurrent, reference_attention, reference_decoder, reference_convolution]
)
def test_every_backward_function_is_that_of_a_forward_one(module):
    names = [name for name, f in vars(module).items() if inspect.isfunction(f) and name.endswith("_back")]
    assert names and all(hasattr(module, name.removesuffix("_back")) for name in names if name[0] != "_")
