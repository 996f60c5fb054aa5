"""What the layers have to compute, in NumPy: plain, slow, forward and backward, gradients by the chain rule.

A backward function has the name of the forward one and `_back`. First comes the gradient of the loss by the
result, `dy` for that by `y`; then the forward function's arguments; the result is the gradients by those.
Vectors are rows and kernels are [inputs, outputs], as in Keras: y = x W + b.

Here are the dense layer, the losses and the descent; `reference_recurrent`, `reference_attention`,
`reference_decoder` and `reference_convolution` go on; `reference_differences` checks the gradients.
docs/equations.md walks through all of them.
"""

import numpy as np


def weights(layer):
    return {weight.name: np.asarray(weight.value) for weight in layer.weights}


def randomise(layer, seed=0):
    """Random weights everywhere, biases too, and large enough that every term of a formula matters."""
    random = np.random.default_rng(seed)
    layer.set_weights([random.normal(size=w.shape, scale=0.7) for w in layer.weights])


# Activations, and their slopes in terms of y = f(z).


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


ACTIVATIONS = {"linear": lambda z: z, "sigmoid": sigmoid, "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}
SLOPES = {
    "linear": np.ones_like,
    "sigmoid": lambda y: y * (1 - y),
    "tanh": lambda y: 1 - y**2,
    "relu": lambda y: (y > 0).astype(y.dtype),
}


def softmax(scores, mask=None):
    """Over the last axis where the mask is 1; zeros where it is 0."""
    mask = np.ones_like(scores) if mask is None else np.broadcast_to(mask, scores.shape)
    powers = np.exp(scores) * mask
    total = powers.sum(-1, keepdims=True)
    return np.divide(powers, total, out=np.zeros_like(powers), where=total > 0)


def softmax_back(dprobabilities, probabilities):
    """p_i (dp_i - sum_k p_k dp_k): a score raises its own share and lowers all others'. Masked ones get 0."""
    mean = np.sum(probabilities * dprobabilities, axis=-1, keepdims=True)
    return probabilities * (dprobabilities - mean)


# Layers: x [rows, inputs].


def dense(x, kernel, bias, activation="linear"):
    """y = f(x W + b)."""
    return ACTIVATIONS[activation](x @ kernel + bias)


def dense_back(dy, x, kernel, bias, activation="linear"):
    """dz = dy * f'(z); dx = dz W^T, dW = x^T dz, db = the sum of dz over the rows."""
    dz = dy * SLOPES[activation](dense(x, kernel, bias, activation))
    return dz @ kernel.T, x.T @ dz, dz.sum(0)


def network(x, layers):
    """Dense layers one after the other: the inputs of each of them, and the last one's output.

    layers: list of (kernel, bias, activation).
    """
    values = [x]
    for layer in layers:
        values.append(dense(values[-1], *layer))
    return values


def network_back(dy, values, layers):
    """Backpropagation: from the last layer to the first, each one's dx is the dy of the one before.

    Returns: (dx, list of (dkernel, dbias)).
    """
    gradients = []
    for x, layer in zip(reversed(values[:-1]), reversed(layers)):
        dy, *of_weights = dense_back(dy, x, *layer)
        gradients.insert(0, tuple(of_weights))
    return dy, gradients


def embedding(ids, table):
    """A row of the table for each id: a dense layer of one-hot vectors, without the product."""
    return table[ids]


def embedding_back(dy, ids, table):
    """A row that was taken several times gets the sum."""
    dtable = np.zeros_like(table)
    np.add.at(dtable, ids, dy)
    return dtable


def tied_logits(y, table):
    """The embedding's table once more, transposed: a token's logit is y . its embedding."""
    return y @ table.T


def tied_logits_back(dlogits, y, table):
    return dlogits @ table, dlogits.T @ y


# Losses.


def mean_squared_error(targets, y):
    return np.mean((y - targets) ** 2)


def mean_squared_error_back(targets, y):
    return 2 * (y - targets) / y.size


def cross_entropy(targets, logits):
    """-ln p(target), mean over the rows, of p = softmax(logits); targets int [rows]."""
    return -np.mean(np.log(softmax(logits))[np.arange(len(targets)), targets])


def cross_entropy_back(targets, logits):
    """By the logits the gradient is p - 1 at the target and p elsewhere: what was said minus what is true."""
    return (softmax(logits) - np.eye(logits.shape[-1])[targets]) / len(targets)


def smoothed_cross_entropy(targets, logits, smoothing, pad_id=0):
    """Mean over the tokens that are not padding, in nats."""
    total = []
    for target, row in zip(targets.reshape(-1), logits.reshape(-1, logits.shape[-1])):
        wanted = (1 - smoothing) * np.eye(len(row))[target] + smoothing / len(row)
        if target != pad_id:
            total.append(-wanted @ np.log(softmax(row)))
    return np.mean(total) if total else 0.0


def smoothed_cross_entropy_back(targets, logits, smoothing, pad_id=0):
    size = logits.shape[-1]
    wanted = (1 - smoothing) * np.eye(size)[targets] + smoothing / size
    counted = (targets != pad_id).astype(logits.dtype)
    return (softmax(logits) - wanted) * counted[..., None] / max(counted.sum(), 1)


# Descent: parameters and gradients are lists of arrays.


def gradient_descent(parameters, gradients, rate):
    """Against the gradient: that is where the loss falls."""
    return [p - rate * g for p, g in zip(parameters, gradients, strict=True)]


def clipped(gradients, most):
    """All gradients, scaled together so that their norm is at most this (Pascanu et al. 2013,
    arXiv:1211.5063)."""
    norm = np.sqrt(sum(np.sum(g**2) for g in gradients))
    return [g * min(1, most / norm) for g in gradients]


def adam(parameters, gradients, moments, step, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Kingma & Ba 2015, arXiv:1412.6980, in the form at the end of section 2, as Keras has it.

    moments: list of (mean of the gradient, mean of its square), zeros at first; step counts from 1.
    Returns: (parameters, moments).
    """
    scale = rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step)
    moments = [
        (beta_1 * m + (1 - beta_1) * g, beta_2 * v + (1 - beta_2) * g**2)
        for g, (m, v) in zip(gradients, moments, strict=True)
    ]
    return [p - scale * m / (np.sqrt(v) + epsilon) for p, (m, v) in zip(parameters, moments)], moments
