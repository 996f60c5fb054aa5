"""Which number format the layers compute in."""

import tensorflow as tf


def policy(precision):
    """The Keras dtype policy of a `training.precision`.

    "auto" is mixed_bfloat16 where every GPU computes it natively (compute capability 8.0 and above), which
    needs no loss scaling, and float32 elsewhere: CPUs without bfloat16 units are slower with it.
    """
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    capabilities = [tf.config.experimental.get_device_details(gpu).get("compute_capability") for gpu in gpus]
    native = bool(gpus) and all(capability and capability >= (8, 0) for capability in capabilities)
    return "mixed_bfloat16" if native else "float32"
