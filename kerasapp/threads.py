"""How TensorFlow uses the processor's cores."""

import os

import tensorflow as tf


def run_side_by_side():
    """One thread for each operation, and as many operations at once as there are cores.

    Recurrent loops are chains of small products: splitting each one costs more than it gives, while two loops
    side by side keep two cores busy (see `kerasapp.layers.batch`). Has to come before TensorFlow's first
    operation; later it changes nothing.
    """
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(os.cpu_count() or 2)
    except RuntimeError:  # TensorFlow has begun: a program around us has chosen
        pass
