"""Which dropouts a model draws in a training call: by whose seed, at what rate, with what mask."""

import keras


def drawn(monkeypatch, model, inputs):
    """Calls a model in training, and gives {path of the layer or cell that draws: (rate, noise shape)}.

    The noise shape has None for an axis along which every element is drawn by itself, and 1 for one along
    which the mask is the same; it is None where all elements are drawn. Each seed draws in one way only.
    """
    owners = {
        id(layer.seed_generator): path for path, layer in parts(model) if hasattr(layer, "seed_generator")
    }
    found, dropout = {}, keras.src.backend.random.dropout

    def noted(x, rate, noise_shape=None, seed=None):
        shape = noise_shape and tuple(1 if size == 1 else None for size in noise_shape)
        way = rate, shape
        assert found.setdefault(owners[id(seed)], way) == way
        return dropout(x, rate, noise_shape, seed)

    monkeypatch.setattr(keras.src.backend.random, "dropout", noted)
    model(inputs, training=True)
    monkeypatch.undo()
    return found


def parts(layer, path=""):
    """(path, layer) of all layers inside a layer."""
    for part in layer._layers:
        yield path + part.name, part
        yield from parts(part, f"{path}{part.name}/")
