"""Breaks signatures of a SavedModel: each is wrapped, and the whole is saved again."""

import functools
import shutil
import tempfile
from pathlib import Path

import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers its operations


class Call:
    """The signature that is wrapped: called with what differs from the inputs that it was given.

    Attributes:
        inputs: name -> tensor.
    """

    def __init__(self, signatures, name, inputs):
        self._signatures, self._name, self.inputs = signatures, name, inputs

    def __call__(self, **changed):
        return self.ask(self._name, **{**self.inputs, **changed})

    def ask(self, name, **inputs):
        """What another signature answers."""
        return self._signatures[name](**inputs)


def wrap(**changes):
    """A way to break signatures: name -> function of a `Call` that gives the outputs."""

    def how(copy):
        rewrap(copy, changes)

    return how


_load = functools.lru_cache(maxsize=1)(tf.saved_model.load)


def rewrap(copy, changes):
    """Saves the SavedModel of a copy again, with some signatures wrapped (see `wrap`)."""
    loaded = _load(str(copy.original))
    known, root = dict(loaded.signatures), tf.Module()
    root.loaded = loaded

    def wrapped(name, change):
        specs = known[name].structured_input_signature[1]
        specs = {key: tf.TensorSpec(spec.shape, spec.dtype, key) for key, spec in specs.items()}

        @tf.function(autograph=False)
        def answer(**inputs):
            return change(Call(known, name, inputs))

        return answer.get_concrete_function(**specs)

    root.new = {name: wrapped(name, change) for name, change in changes.items()}
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(root, folder, signatures={**known, **root.new})
        for name in ("variables", "assets"):
            shutil.rmtree(copy.version / name, ignore_errors=True)
        shutil.copytree(folder, copy.version, dirs_exist_ok=True)


def given(**values):
    """Changes a signature so that it gets `values` for these inputs, whatever the client gives. A function
    makes the value of the input's."""

    def change(call):
        return call(**{name: _like(call.inputs[name], value) for name, value in values.items()})

    return change


def gives(**values):
    """Changes a signature's outputs: name -> function of all outputs, or of nothing but a value."""

    def change(call):
        out = call()
        return {**out, **{name: _like(out[name], value) for name, value in values.items()}}

    return change


def _like(tensor, value):
    """A tensor of the same shape and type: `value` everywhere, or a function's result."""
    return value(tensor) if callable(value) else tf.fill(tf.shape(tensor), tf.cast(value, tensor.dtype))


def forgets(*parts):
    """Changes a signature so that it gives the states that it got: those whose names start with a part."""

    def change(call):
        out = call()
        kept = [name for name in out if name in call.inputs and name.startswith(parts)]
        assert kept, f"no state begins with {parts}: {list(out)}"
        return {**out, **{name: call.inputs[name] for name in kept}}

    return change


def whole(ids="ids", lengths="lengths"):
    """Changes a signature so that it takes padding for text: the mask is dropped."""

    def change(call):
        shape = tf.shape(call.inputs[ids])
        return call(**{lengths: tf.fill([shape[0]], shape[1])})

    return change


def variables(change):
    """A way to break the SavedModel's variables.

    Args:
        change: function (array, place) of each float variable, the largest first: its new values.
    """

    def how(copy):
        prefix = str(copy.version / "variables" / "variables")
        reader = tf.train.load_checkpoint(prefix)
        names = sorted(reader.get_variable_to_dtype_map())
        tensors = {name: reader.get_tensor(name) for name in names}
        floats = [n for n in names if getattr(tensors[n], "dtype", None) == "float32" and tensors[n].ndim]
        for place, name in enumerate(sorted(floats, key=lambda n: -tensors[n].size)):
            tensors[name] = change(tensors[name].copy(), place)
        tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=list(tensors.values()),
        )

    return how


def warm_up(requests):
    """A way to break the warm-up file.

    Args:
        requests: bytes, the file's content; or list of (signature, inputs).
    """

    def how(copy):
        from kerasapp.export import warmup

        path = Path(copy.version, "assets.extra", "tf_serving_warmup_requests")
        if isinstance(requests, bytes):
            path.write_bytes(requests)
        else:
            warmup.write(path, "broken", requests)

    return how
