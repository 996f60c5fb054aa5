"""Attention of a decoder over an encoder's outputs, by name: `ATTENTIONS["additive"]`.

Notation: q is the decoder's state (query) [batch, query_size], m_s the encoder's output at source position s
[batch, source, memory_size], e_s the score, a = softmax(e) the alignment over the positions that are real,
c = sum_s a_s v_s the context. The values v are the encoder's outputs themselves, but in multi-head attention.

`prepare` computes the keys and values once per sentence; they do not depend on the query.
"""

import keras
from keras import ops


class Attention(keras.layers.Layer):
    """Base of the attention layers; a subclass gives the keys and the score.

    Args:
        size: of the keys, if the attention projects query and memory.

    Call: `query` [batch, query_size], `memory` [batch, source, memory_size], `lengths` int32 [batch] of real
    positions, `previous` [batch, source], the cumulative alignment, that is the sum of the alignments of the
    steps before (for the location-sensitive score; zeros if None) -> (context [batch, value_size], alignment
    [batch, source]). A row without any real position gets zeros for both.

    Example:

    >>> attention = Additive(128)
    >>> context, alignment = attention(query, memory, lengths)
    """

    projects_query = False  # whether q is multiplied by a weight matrix [size, query_size]

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.query_kernel = None

    def build(self, query_shape, memory_shape, *_):
        self.query_size, self.memory_size = query_shape[-1], memory_shape[-1]
        if self.projects_query:
            self.query_kernel = self._matrix("query_kernel", self.size, self.query_size)
        self.build_keys()

    def build_keys(self):
        """Creates the weights beside the query's."""

    def call(self, query, memory, lengths, previous=None):
        prepared = self.prepare(memory, lengths)
        if previous is None:
            previous = ops.zeros_like(prepared["mask"])
        return self.attend(self.project(query), prepared, previous, self.parameters())

    def project(self, query):
        """The query [batch, query_size] as `attend` takes it."""
        return query @ ops.transpose(self.cast(self.query_kernel)) if self.projects_query else query

    def prepare(self, memory, lengths):
        """What is computed once per sentence: dict of "keys", "values" and "mask" (1 where real, else 0), all
        [batch, ...]."""
        positions = ops.expand_dims(ops.arange(ops.shape(memory)[1], dtype="int32"), 0)
        mask = ops.cast(positions < ops.expand_dims(lengths, 1), memory.dtype)  # [batch, source]
        return {"keys": self.keys(memory), "values": self.values(memory, mask), "mask": mask}

    def keys(self, memory):
        """[batch, source, key size]."""
        return memory

    def values(self, memory, mask):
        """[batch, source, value size]."""
        return memory

    def parameters(self):
        """The small weights of the score: dict of tensors."""
        return {}

    def score(self, query, keys, previous, parameters):
        """e [batch, source] for the projected query."""
        raise NotImplementedError

    def attend(self, query, prepared, previous, parameters):
        """(context, alignment) for a projected query; see the class."""
        alignment = _softmax(self.score(query, prepared["keys"], previous, parameters), prepared["mask"])
        context = ops.squeeze(ops.expand_dims(alignment, 1) @ prepared["values"], 1)  # [batch, value size]
        return context, alignment

    @property
    def value_size(self):
        """Size of the context."""
        return self.memory_size

    def cast(self, weight):
        """A weight in the compute dtype; Keras casts it only within `call`."""
        return ops.cast(weight, self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "size": self.size}

    def _matrix(self, name, rows, columns):
        return self.add_weight(shape=[rows, columns], initializer="glorot_uniform", name=name)


@keras.saving.register_keras_serializable("kerasapp")
class Dot(Attention):
    """e_s = q . m_s; needs memory and query of one size (Luong et al. 2015, arXiv:1508.04025, "dot")."""

    def build_keys(self):
        if self.query_size != self.memory_size:
            raise ValueError(
                f"dot needs a memory of the query's size, {self.query_size}, not {self.memory_size}"
            )

    def score(self, query, keys, previous, parameters):
        return ops.squeeze(keys @ ops.expand_dims(query, -1), -1)


@keras.saving.register_keras_serializable("kerasapp")
class General(Dot):
    """e_s = q . W m_s (Luong et al. 2015, arXiv:1508.04025, "general")."""

    def build_keys(self):
        self.kernel = self._matrix("kernel", self.memory_size, self.query_size)

    def keys(self, memory):
        return memory @ self.cast(self.kernel)


@keras.saving.register_keras_serializable("kerasapp")
class ScaledDot(Dot):
    """e_s = (W_q q) . (W_k m_s) / sqrt(size) (Vaswani et al. 2017, arXiv:1706.03762)."""

    projects_query = True

    def build_keys(self):
        self.kernel = self._matrix("kernel", self.memory_size, self.size)

    def keys(self, memory):
        return memory @ self.cast(self.kernel) / self.size**0.5


@keras.saving.register_keras_serializable("kerasapp")
class Additive(Attention):
    """e_s = v . tanh(W_q q + W_k m_s + b) (Bahdanau, Cho & Bengio 2015, arXiv:1409.0473)."""

    projects_query = True

    def build_keys(self):
        self.kernel = self._matrix("kernel", self.memory_size, self.size)
        self.bias = self.add_weight(shape=[self.size], initializer="zeros", name="bias")
        near_zero = keras.initializers.RandomUniform(-(self.size**-0.5), self.size**-0.5)
        self.vector = self.add_weight(shape=[self.size], initializer=near_zero, name="vector")

    def keys(self, memory):
        return memory @ self.cast(self.kernel) + self.cast(self.bias)

    def parameters(self):
        return {"vector": self.cast(self.vector)}

    def score(self, query, keys, previous, parameters):
        hidden = ops.tanh(keys + ops.expand_dims(query, 1))  # [batch, source, size]
        return ops.squeeze(hidden @ ops.expand_dims(parameters["vector"], -1), -1)


@keras.saving.register_keras_serializable("kerasapp")
class LocationSensitive(Additive):
    """e_s = v . tanh(W_q q + W_k m_s + W_f f_s + b), f = F * (cumulative alignment).

    F is a set of filters, convolved over the source (Chorowski et al. 2015, arXiv:1506.07503; with the
    cumulative alignment as in Tacotron 2, arXiv:1712.05884).

    Args:
        filters: how many. width: of each, in source positions.
    """

    def __init__(self, size, filters=32, width=31, **kwargs):
        super().__init__(size, **kwargs)
        self.filters, self.width = filters, width

    def build_keys(self):
        super().build_keys()
        self.convolution = self.add_weight(
            shape=[self.width, 1, self.filters], initializer="glorot_uniform", name="convolution"
        )
        self.location_kernel = self._matrix("location_kernel", self.filters, self.size)

    def parameters(self):
        # F and W_f are both linear: joined to `size` filters they cost one convolution per step.
        filters = self.cast(self.convolution) @ self.cast(self.location_kernel)  # [width, 1, size]
        return {**super().parameters(), "filters": ops.squeeze(filters, 1)}

    def score(self, query, keys, previous, parameters):
        # A product of windows: on a CPU its gradient is two to three times as fast as a convolution's.
        source, left = ops.shape(previous)[1], (self.width - 1) // 2
        padded = ops.pad(ops.cast(previous, keys.dtype), [[0, 0], [left, self.width - 1 - left]])
        positions = ops.expand_dims(ops.arange(source), 1) + ops.arange(self.width)
        location = ops.take(padded, positions, axis=1) @ parameters["filters"]  # [batch, source, size]
        return super().score(query, keys + location, previous, parameters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "width": self.width}


@keras.saving.register_keras_serializable("kerasapp")
class MultiHead(Attention):
    """`heads` scaled dots side by side, each with keys and values of size / heads.

    The context is the contexts of all heads, concatenated; the alignment is the mean over heads (Vaswani et
    al. 2017, arXiv:1706.03762).

    Args:
        size: of the keys, and of the values, of all heads together; a multiple of `heads`.
    """

    projects_query = True

    def __init__(self, size, heads=4, **kwargs):
        if size % heads:
            raise ValueError(f"size {size} is no multiple of {heads} heads")
        super().__init__(size, **kwargs)
        self.heads = heads

    def build_keys(self):
        self.key_kernel = self._matrix("key_kernel", self.memory_size, self.size)
        self.value_kernel = self._matrix("value_kernel", self.memory_size, self.size)

    def keys(self, memory):
        return self._split(memory @ self.cast(self.key_kernel) / (self.size // self.heads) ** 0.5)

    def values(self, memory, mask):
        return self._split(memory @ self.cast(self.value_kernel))

    def attend(self, query, prepared, previous, parameters):
        query = ops.reshape(query, [-1, self.heads, self.size // self.heads, 1])
        scores = ops.squeeze(prepared["keys"] @ query, -1)  # [batch, heads, source]
        alignments = _softmax(scores, ops.expand_dims(prepared["mask"], 1))
        contexts = ops.expand_dims(alignments, 2) @ prepared["values"]  # [batch, heads, 1, size / heads]
        return ops.reshape(contexts, [-1, self.size]), ops.mean(alignments, axis=1)

    def _split(self, x):
        x = ops.reshape(x, [-1, ops.shape(x)[1], self.heads, self.size // self.heads])
        return ops.transpose(x, [0, 2, 1, 3])  # [batch, heads, source, size / heads]

    @property
    def value_size(self):
        return self.size

    def get_config(self):
        return {**super().get_config(), "heads": self.heads}


@keras.saving.register_keras_serializable("kerasapp")
class NoAttention(Attention):
    """The encoder's last state alone, the same context at every step (Cho et al. 2014, arXiv:1406.1078).

    With a bidirectional encoder that is the forward half of the last real position and the backward half of
    the first. The alignment is 0 everywhere.
    """

    def keys(self, memory):
        return memory[:, :, :0]

    def values(self, memory, mask):
        return ops.expand_dims(summary(memory, mask), 1)  # [batch, 1, memory size]

    def attend(self, query, prepared, previous, parameters):
        return ops.squeeze(prepared["values"], 1), ops.zeros_like(prepared["mask"])


ATTENTIONS = {
    "dot": Dot,
    "scaled_dot": ScaledDot,
    "general": General,
    "additive": Additive,
    "location": LocationSensitive,
    "multi_head": MultiHead,
    "none": NoAttention,
}


def summary(memory, mask):
    """The last state in either direction, [batch, size], of a bidirectional encoder's outputs [batch, source,
    size]; `mask` [batch, source] is 1 where real. Zeros for a row without a real position."""
    half = memory.shape[-1] // 2
    last = mask - ops.pad(mask[:, 1:], [[0, 0], [0, 1]])  # 1 at the last real position, else 0
    forward = ops.sum(memory[:, :, :half] * ops.expand_dims(last, -1), axis=1)
    backward = memory[:, 0, half:] * mask[:, :1]
    return ops.concatenate([forward, backward], axis=-1)


def _softmax(scores, mask):
    """Softmax over the last axis where `mask` is 1; zeros elsewhere, and everywhere where it is all 0."""
    scores = ops.where(mask > 0, scores, -1e9)
    # `initial`: Keras refuses the maximum of an empty half of a batch. The gradients by `top` add up to 0.
    top = ops.stop_gradient(ops.max(scores, axis=-1, keepdims=True, initial=-1e9))
    weights = ops.exp(scores - top) * mask
    return weights / ops.maximum(ops.sum(weights, axis=-1, keepdims=True), 1e-9)
