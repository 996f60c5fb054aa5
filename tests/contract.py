"""What holds for every task, as checks that the tests of each call."""

import json
import subprocess
import sys

import keras
import numpy as np
import tensorflow as tf

WITHOUT_KERASAPP = """
import base64, json, sys
sys.modules["kerasapp"] = sys.modules["pipelines"] = None  # any import of them fails
import tensorflow as tf
import tensorflow_text
model = tf.saved_model.load(sys.argv[1])
answers = []
for request in json.load(sys.stdin):
    signature = model.signatures[request["signature"]]
    specs = signature.structured_input_signature[1]
    inputs = {name: tf.constant(value, specs[name].dtype) for name, value in request["inputs"].items()}
    answers.append({name: value.numpy().tolist() for name, value in signature(**inputs).items()})
def plain(value):
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}
print(json.dumps(answers, default=plain))
"""


def answers_without_kerasapp(version, requests):
    """What an exported version answers in a process that cannot import kerasapp.

    requests: list of {"signature", "inputs": name -> list}. Returns: list of {name of the output -> list}.
    """
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_KERASAPP, str(version)],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def check_same_outputs(answer, expected):
    """Outputs of a signature as nested lists: numbers close, all else equal."""
    assert set(answer) == set(expected)
    for name, values in expected.items():
        if np.array(values).dtype.kind == "f":
            np.testing.assert_allclose(answer[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
        else:
            assert answer[name] == values, name


def first_batch(task):
    inputs, targets = next(iter(task.training_data().take(1)))
    return inputs, targets


def outputs(model, inputs):
    """What a model gives for a batch: name of the output -> array; "" where it has only one."""
    found = model(inputs, training=False)
    found = found if isinstance(found, dict) else {"": found}
    return {name: np.asarray(value) for name, value in found.items()}


def check_build(task):
    """A model takes the task's batches, and gives float32 numbers for each step of the targets."""
    inputs, targets = first_batch(task)
    targets = targets if isinstance(targets, dict) else {"": targets}
    found = outputs(task.build(), inputs)
    assert set(found) == set(targets)
    for name, values in found.items():
        assert values.dtype == np.float32 and values.shape[:2] == tuple(targets[name].shape[:2]), name
        assert np.all(np.isfinite(values)), name


def check_variable_length(task):
    """What comes later, and so how long a batch is, does not change what is predicted before."""
    inputs, _ = first_batch(task)
    model = task.build(training=False)
    name = {"synthesis": "stop"}.get(task.name, "")
    whole = outputs(model, inputs)[name]
    for length in (1, whole.shape[1] // 2):
        own = {"translation": "target_in", "synthesis": "mel_in"}.get(task.name)
        cut = {**inputs, own: inputs[own][:, :length]} if own else inputs[:, :length]
        part = outputs(model, cut)[name]
        np.testing.assert_allclose(part, whole[:, :length], rtol=1e-4, atol=1e-5)


def check_fit_steps(task):
    """Steps of `fit` change every weight that is trained, and the loss of the batch they see falls."""
    model = task.build()
    model.compile(keras.optimizers.Adam(1e-2), task.loss())
    before = [weight.numpy() for weight in model.trainable_weights]
    train, _ = task.datasets()
    batch = train.take(1).cache().repeat()
    history = model.fit(batch, epochs=2, steps_per_epoch=3, shuffle=False, verbose=0).history["loss"]
    assert history[1] < history[0]
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.any(weight.numpy() != old), weight.path


def check_fit_of_any_batch(task):
    """`fit` takes batches of any size, such as the last one of an array."""
    model = task.build()
    model.compile(keras.optimizers.Adam(1e-2), task.loss())
    batch = tf.data.Dataset.from_tensor_slices(first_batch(task))
    for size in (3, 1):
        loss = model.fit(batch.take(7).batch(size), verbose=0).history["loss"]
        assert np.all(np.isfinite(loss))


def check_clone(task):
    """A clone takes the weights of the model, and is the same with them."""
    model, (inputs, _) = task.build(), first_batch(task)
    copy = keras.models.clone_model(model)
    assert [weight.shape for weight in copy.weights] == [weight.shape for weight in model.weights]
    copy.set_weights(model.get_weights())
    expected = outputs(model, inputs)
    for name, values in outputs(copy, inputs).items():
        np.testing.assert_allclose(values, expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def check_save_and_load(task, path):
    """A stored model is the same without the task."""
    model = task.serving_model(task.build())
    model.save(path)
    loaded = keras.models.load_model(path, compile=False)
    inputs, _ = first_batch(task)
    expected = outputs(model, inputs)
    for name, values in outputs(loaded, inputs).items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)
