"""`cipher` on a phone: one letter at a time."""

import tensorflow as tf

from kerasapp.export.tflite_parts import Weights


def signatures(task, model, precision):
    """read: "ids" int32 [1] -> "logits" float32 [1, 128]."""
    weights = Weights(model)

    @tf.function(autograph=False)
    def read(ids):
        with weights():
            return {"logits": model(ids[:, tf.newaxis])[:, 0]}

    return {"read": read.get_concrete_function(tf.TensorSpec([1], tf.int32, "ids"))}


def samples(task, model, functions):
    for letter in range(97, 123):
        yield "read", {"ids": tf.constant([letter]).numpy()}


def description(task, model):
    return {}


def tokenizers(task):
    return {}


def vectors(servable):
    ((_, inputs),) = servable.example_requests()
    answer = servable.decipher(**{name: tf.constant(value) for name, value in inputs.items()})[
        "plain"
    ].numpy()
    rows = zip(inputs["secret"].tolist(), inputs["limit"].tolist(), answer.tolist(), strict=True)
    requests = [
        {"inputs": {"secret": secret, "limit": limit}, "outputs": {"plain": plain.decode()}}
        for secret, limit, plain in rows
    ]
    return {"tolerance": {}, "requests": requests}
