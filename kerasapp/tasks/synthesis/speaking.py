"""The loop that reads texts aloud: frame after frame, until each row has stopped."""

import tensorflow as tf

from kerasapp.decoding.sampling import uniform
from kerasapp.tasks.synthesis.model import encode, postnet, step_function


def speak(model, ids, longest, threshold, window, dropout, seed):
    """Runs a model's decoder over a batch, in the graph; each row as if it were alone.

    Args:
        model: a `SynthesisModel`.
        ids: int32 [batch, text], at least one column, padded with 0. There may be no row.
        longest: int32 [batch], steps at most; a row makes at least one.
        threshold, window, dropout, seed: [batch], see `SynthesisServable.synthesize`.

    Returns: dict of
        "mel" float32 [batch, frames, mels], normalised, after the postnet; "frames" int32 [batch].
        "stop" float32 [batch, steps], probabilities, "alignment" float32 [batch, steps, text], "steps" int32
            [batch]. All three are those until the row's stop; beyond it stands 0.
        "stopped" int32 [batch]: 1 where the stop token ended the row, 0 where `longest` did.
    """
    prepared, states = encode(model, ids)
    step = step_function(model)
    batch, most = tf.shape(ids)[0], tf.reduce_max(tf.concat([longest, [1]], 0))
    first = tf.zeros([batch, model.mels])
    arrays = {name: tf.TensorArray(tf.float32, most) for name in ("frames", "stop", "alignment")}

    def going(t, frame, states, place, steps, stopped, arrays):
        # Run at least one step even for an empty batch: an unwritten array has no element shape.
        return (t < most) & ((t == 0) | tf.reduce_any(steps == 0))

    def body(t, frame, states, place, steps, stopped, arrays):
        seen = {**prepared, "mask": _window(prepared["mask"], place, window)}
        frames, stop, alignment, states = step(frame, states, seen, _dropped(model, t, dropout, seed))
        stop = tf.sigmoid(stop)
        ends = (steps == 0) & ((stop > threshold) | (t + 1 >= longest))
        stopped = tf.where(ends & (stop > threshold), 1, stopped)
        steps = tf.where(ends, t + 1, steps)
        found = {"frames": frames, "stop": stop, "alignment": alignment}
        arrays = {name: arrays[name].write(t, found[name]) for name in arrays}
        place = tf.argmax(alignment, axis=1, output_type=tf.int32)
        return t + 1, frames[:, -1], states, place, steps, stopped, arrays

    none = tf.zeros([batch], tf.int32)
    count, *_, steps, stopped, arrays = tf.while_loop(
        going, body, (0, first, states, none, none, none, arrays)
    )
    found = {name: _time_second(array, count) for name, array in arrays.items()}
    inside = tf.sequence_mask(steps, count, tf.float32)  # [batch, steps]
    mel = tf.reshape(found["frames"], [batch, count * model.reduction, model.mels])  # [batch, frames, mels]
    frames = steps * model.reduction
    return {
        "mel": postnet(model, mel, tf.sequence_mask(frames, tf.shape(mel)[1], tf.float32)),
        "frames": frames,
        "steps": steps,
        "stopped": stopped,
        "stop": found["stop"] * inside,
        "alignment": found["alignment"] * inside[:, :, tf.newaxis],
    }


def _dropped(model, t, dropout, seed):
    """Factors of the prenet's units, [batch, units] a layer, 0 or 1 / (1 - dropout): a function of each row's
    seed and the step."""
    masks, units = [], model.prenet_units
    for i in range(2):
        position = (2 * t + i) * units + tf.range(units)
        kept = uniform(seed, position) >= dropout[:, tf.newaxis]
        masks.append(tf.cast(kept, tf.float32) / (1.0 - dropout)[:, tf.newaxis])
    return masks


def _window(mask, place, window):
    """The mask [batch, text] without what is more than `window` characters after `place`, or more than one
    before it, where `window` is above 0."""
    distance = tf.range(tf.shape(mask)[1]) - place[:, tf.newaxis]  # [batch, text]
    width = window[:, tf.newaxis]
    near = (distance >= -1) & (distance <= width)
    return mask * tf.cast(near | (width <= 0), mask.dtype)


def _time_second(array, count):
    """[batch, steps, ...] of the first `count` tensors of an array."""
    stacked = array.gather(tf.range(count))
    return tf.transpose(stacked, [1, 0, *range(2, len(stacked.shape))])
