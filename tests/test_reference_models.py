"""Whole models against the formulas put together: the loss, and its gradient by every weight, to 1e-5."""

import numpy as np
import reference
import reference_attention
import reference_decoder
import reference_recurrent
import tensorflow as tf

from kerasapp.tasks.generation.model import GenerationModel
from kerasapp.tasks.translation.losses import SmoothedCrossEntropy
from kerasapp.tasks.translation.model import TranslationModel

RANDOM = np.random.default_rng(0)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}
SMOOTHING = 0.1


def loss_and_gradients(model, inputs, targets):
    """The loss, and the gradients by the path of each weight."""
    with tf.GradientTape() as tape:
        loss = SmoothedCrossEntropy(SMOOTHING)(targets, model(inputs, training=True))
    variables = [w.value for w in model.trainable_weights]
    found = [np.asarray(tf.convert_to_tensor(g)) for g in tape.gradient(loss, variables)]
    return loss, {w.path: g for w, g in zip(model.trainable_weights, found)}


def assert_gradients(found, truth):
    assert sorted(found) == sorted(truth)
    for path, gradient in found.items():
        np.testing.assert_allclose(gradient, truth[path], **CLOSE, err_msg=path)


def add(total, more):
    """Sums gradients by path."""
    for path, gradient in more.items():
        total[path] = total.get(path, 0) + gradient


def test_a_language_model():
    """Tied embeddings; each recurrent layer adds to what it reads."""
    model = GenerationModel(7, cell="gru", units=4, layers=2, tie_embeddings=True, residual=True)
    reference.randomise(model)
    tokens, targets = RANDOM.integers(1, 7, [3, 5]), RANDOM.integers(1, 7, [3, 5])
    loss, found = loss_and_gradients(model, tokens, targets)

    table = np.asarray(model.embedding.embeddings.value, float)
    layers = [(layer.cell.path, reference.weights(layer)) for layer in model.stack.recurrent_layers]
    zeros, runs, logits = (np.zeros(4),), [], []
    for row in tokens:
        x, saved = [reference.embedding(row, table)], []
        for _, weights in layers:
            y, _, kept = reference_recurrent.recurrent("gru", x[-1], zeros, weights)
            x.append(x[-1] + y)
            saved.append(kept)
        runs.append((x, saved))
        logits.append(reference.tied_logits(x[-1], table))
    value = reference.smoothed_cross_entropy(targets, np.stack(logits), SMOOTHING)
    np.testing.assert_allclose(loss, value, rtol=1e-5)

    truth, path = {}, model.embedding.embeddings.path
    dlogits = reference.smoothed_cross_entropy_back(targets, np.stack(logits), SMOOTHING)
    for row, (x, saved), of_row in zip(tokens, runs, dlogits):
        dx, dtable = reference.tied_logits_back(of_row, x[-1], table)
        for i, (layer, weights) in reversed(list(enumerate(layers))):
            through, _, dweights = reference_recurrent.recurrent_back(
                "gru", dx, zeros, x[i], saved[i], weights
            )
            dx = dx + through
            add(truth, {f"{layer}/{name}": g for name, g in dweights.items()})
        add(truth, {path: dtable + reference.embedding_back(dx, row, table)})
    assert_gradients(found, truth)


def translator():
    model = TranslationModel(6, 7, units=4, embedding_size=3)
    reference.randomise(model)
    source = np.array([[1, 2, 3, 4, 5], [3, 3, 5, 0, 0], [2, 0, 0, 0, 0]])
    target_in, targets = RANDOM.integers(1, 7, [3, 4]), RANDOM.integers(1, 7, [3, 4])
    targets[1, 2:] = 0
    return model, {"source": source, "target_in": target_in}, targets


def translate(model, source, target_in):
    """One sentence: logits [target, vocabulary], and what the way back needs."""
    w = {weight.path: np.asarray(weight.value, float) for weight in model.weights}
    x = reference.embedding(source[source > 0], w["source_embedding/embeddings"])
    encoder = model.encoders[0]
    memory = reference_recurrent.bidirectional(
        "lstm", x, reference.weights(encoder.forward), reference.weights(encoder.backward)
    )
    mask = np.ones(len(memory))
    last = reference_attention.last_states(memory, mask)[None]
    bridges = [(w[f"first_{kind}/kernel"], w[f"first_{kind}/bias"], "tanh") for kind in ("h", "c")]
    states = [reference.dense(last, *bridge)[0] for bridge in bridges]
    y = reference.embedding(target_in, w["target_embedding/embeddings"])
    given = "lstm", "additive", y, memory, mask, states
    vectors, _, saved = reference_decoder.decoder(*given, reference_decoder.formula_weights(model.decoder))
    read = reference.dense(vectors, w["readout/kernel"], w["readout/bias"])
    logits = reference.tied_logits(read, w["target_embedding/embeddings"])
    return logits, (w, x, last, bridges, given, vectors, saved, read)


def translate_back(model, dlogits, source, target_in, kept):
    """The way back: gradients by the path of each weight."""
    w, x, last, bridges, given, vectors, saved, read = kept
    table, memory, mask = w["target_embedding/embeddings"], *given[3:5]
    dread, dtable = reference.tied_logits_back(dlogits, read, table)
    dvectors, *of_readout = reference.dense_back(dread, vectors, w["readout/kernel"], w["readout/bias"])
    weights = reference_decoder.formula_weights(model.decoder)
    nothing = np.zeros([len(vectors), len(memory)])
    dy, dmemory, dstates, of_decoder = reference_decoder.decoder_back(
        *given[:2], dvectors, nothing, *given[2:], saved, weights
    )
    found = dict(zip(("readout/kernel", "readout/bias"), of_readout))
    dlast = 0
    for kind, dstate, bridge in zip(("h", "c"), dstates, bridges):
        of_last, *of_bridge = reference.dense_back(dstate[None], last, *bridge)
        dlast = dlast + of_last[0]
        found |= dict(zip((f"first_{kind}/kernel", f"first_{kind}/bias"), of_bridge))
    dmemory = dmemory + reference_attention.last_states_back(dlast, memory, mask)
    encoder = model.encoders[0]
    halves = [encoder.forward, encoder.backward]
    dx, *of_halves = reference_recurrent.bidirectional_back(
        "lstm", dmemory, x, *(reference.weights(half) for half in halves)
    )
    for half, of_half in zip(halves, of_halves):
        found |= {f"{half.cell.path}/{name}": g for name, g in of_half.items()}
    found |= reference_decoder.by_path(model.decoder, of_decoder)
    found["target_embedding/embeddings"] = dtable + reference.embedding_back(dy, target_in, table)
    of_source = reference.embedding_back(dx, source[source > 0], w["source_embedding/embeddings"])
    return {**found, "source_embedding/embeddings": of_source}


def test_a_translator():
    model, inputs, targets = translator()
    loss, found = loss_and_gradients(model, inputs, targets)
    rows = list(zip(inputs["source"], inputs["target_in"]))
    logits, kept = zip(*(translate(model, *row) for row in rows))
    logits = np.stack(logits)
    np.testing.assert_allclose(loss, reference.smoothed_cross_entropy(targets, logits, SMOOTHING), rtol=1e-5)
    dlogits, truth = reference.smoothed_cross_entropy_back(targets, logits, SMOOTHING), {}
    for row, of_row, values in zip(rows, dlogits, kept):
        add(truth, translate_back(model, of_row, *row, values))
    assert_gradients(found, truth)
