"""A model whose answer a test holds back, by a `waiting.Gate`."""

import tensorflow as tf


class Holder(tf.Module):
    """A model with the signature `hold`, which answers 1 once a gate is open."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="gate")])
    def hold(self, gate):
        def look(found):
            return [tf.size(tf.io.matching_files(gate[0])) + 0 * found]  # looked at anew in each turn

        with tf.control_dependencies([tf.io.write_file(gate[0] + ".begun", "")]):
            (found,) = tf.while_loop(lambda found: found == 0, look, [tf.constant(0)])
        return {"opened": tf.fill(tf.shape(gate), found)}
