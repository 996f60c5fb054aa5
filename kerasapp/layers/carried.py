"""The states that a recurrent layer hands from one window of a long text to the next."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("kerasapp")
class Carried(keras.layers.Layer):
    """A recurrent layer over windows of parallel streams, whose states are carried on in training.

    Truncated backpropagation through time: row `i` of a batch starts from the last states of row `i` of the
    batch before. So a layer that is trained on windows of 100 steps still learns to use what it read long
    before. Outside training every call starts from zeros and keeps nothing, so `predict` and validation
    neither see nor change the streams (`stateful=True` in Keras shares one state between both).

    A training batch of another size than `streams`, such as the last one of an array, starts from zeros and
    leaves the streams as they are.

    The carried states are no Keras weights: `.keras` files do not hold them, and any number of streams loads
    such a file. A `tf.train.Checkpoint` of `memory` keeps them for an exact resume.

    Args:
        layer: a layer of `kerasapp.layers.recurrent` with `return_sequences` and `return_state`.
        streams: rows of a training batch (of the share of one replica under a `tf.distribute` strategy).
        reset: share of the rows that start from zeros in a training step, drawn anew each time. So the model
            also learns to begin: text is generated and scored from zeros.

    Call: `x` [batch, time, features] -> [batch, time, units].
    """

    def __init__(self, layer, streams, reset=0.02, **kwargs):
        super().__init__(**kwargs)
        if not (layer.return_sequences and layer.return_state):
            raise ValueError("Carried needs a layer with return_sequences=True and return_state=True")
        self.layer = layer
        self.streams = streams
        self.reset = reset
        self.seed_generator = keras.random.SeedGenerator()
        self.memory = []

    def build(self, input_shape):
        if not self.layer.built:
            self.layer.build(input_shape)
        self.memory = [
            tf.Variable(
                tf.zeros([self.streams, self.layer.units], self.compute_dtype),
                trainable=False,
                # Under MirroredStrategy each replica keeps the states of its own rows.
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
                name=f"{self.name}_memory_{i}",
            )
            for i in range(len(self.layer.state_names))
        ]

    def call(self, x, training=False):
        return self.run(x, training)[0]

    def run(self, x, training, mask=None):
        """(outputs [batch, time, units], *final states [batch, units]), carrying them on in training."""
        if not training:
            return self.layer(x, mask=mask)
        batch = tf.shape(x)[0] if x.shape[0] is None else x.shape[0]
        kept = keras.random.uniform([self.streams, 1], seed=self.seed_generator) >= self.reset
        states = [tf.where(kept, state, tf.zeros_like(state)) for state in self.memory]
        zeros = [tf.zeros([batch, self.layer.units], state.dtype) for state in states]
        states = self._choose(batch, states, zeros)
        outputs, *states = self.layer(x, initial_state=states, mask=mask, training=True)
        for memory, state in zip(self.memory, self._choose(batch, states, self.memory), strict=True):
            memory.assign(tf.stop_gradient(state))
        return outputs, *states

    def _choose(self, batch, ours, others):
        """`ours` if the batch is that of the streams, else `others`."""
        if isinstance(batch, int):
            return ours if batch == self.streams else others
        return tf.cond(batch == self.streams, lambda: ours, lambda: [tf.identity(other) for other in others])

    def get_config(self):
        config = super().get_config()
        layer = keras.saving.serialize_keras_object(self.layer)
        return {**config, "layer": layer, "streams": self.streams, "reset": self.reset}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("layer")), **config)
