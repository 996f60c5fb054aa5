"""The state that a recurrent layer hands from one window of a long text to the next."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("kerasapp")
class Carried(keras.layers.Layer):
    """Runs a recurrent layer over windows of parallel streams, carrying its state in training.

    Truncated backpropagation through time: row `i` of a batch goes on where row `i` of the batch before
    ended, so a layer that is unrolled over 100 steps still learns to use what it read long before. Outside
    training every call starts from zeros and remembers nothing, so `predict` and validation neither see nor
    disturb the streams (unlike `stateful=True` in Keras, which shares one state between both).

    The memory is no Keras weight: it is not in `.keras` files and any number of streams loads them. A
    `tf.train.Checkpoint` of `memory` keeps it for an exact resume.

    Args:
        layer: a layer of `kerasapp.layers.recurrent`.
        streams: rows of a training batch (of one replica's share under a `tf.distribute` strategy).
        reset: share of the rows that start from zeros in a training step, so that the model also learns
            to begin: text is generated and scored from zeros.

    Call: `x` [streams, time, features] -> [streams, time, units].
    """

    def __init__(self, layer, streams, reset=0.02, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer
        self.streams = streams
        self.reset = reset
        self.seed_generator = keras.random.SeedGenerator()
        self.memory = []

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)
        sizes = self.layer.state_size
        self.memory = [
            tf.Variable(
                tf.zeros([self.streams, size], self.compute_dtype),
                trainable=False,
                # Under MirroredStrategy each replica keeps the states of its own rows.
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
                name=f"{self.name}_memory_{i}",
            )
            for i, size in enumerate(sizes if isinstance(sizes, (list, tuple)) else [sizes])
        ]

    def call(self, x, training=False):
        if not training:
            return self.layer(x, training=False)[0]
        keep = keras.random.uniform([self.streams, 1], seed=self.seed_generator) >= self.reset
        states = [tf.where(keep, state, tf.zeros_like(state)) for state in self.memory]
        outputs, *states = self.layer(x, initial_state=states, training=True)
        for memory, state in zip(self.memory, states):
            memory.assign(tf.stop_gradient(state))
        return outputs

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.layer.units)

    def get_config(self):
        config = super().get_config()
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**config, "layer": layer, "streams": self.streams, "reset": self.reset}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("layer")), **config)
