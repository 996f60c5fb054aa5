"""SeqGAN: a language model against a discriminator, by policy gradient."""

import keras
import tensorflow as tf

from kerasapp.decoding.sampling import Sampling, derived, sample
from kerasapp.layers.stack import transposed
from kerasapp.tasks.generation.model import step_function, window

LOSSES = ("loss", "discriminator_loss", "told_apart", "reward")
WRITING, ROLLOUTS = 0, 1  # what seeds are for


class SeqGAN(keras.Model):
    """A language model that learns to write what a discriminator takes for real (Yu et al. 2017,
    arXiv:1609.05473; Goodfellow et al. 2014, arXiv:1406.2661).

    A step of `fit` teaches the discriminator with a batch of real pieces and as many of the generator's.
    After `warmup` such steps, each `every`-th one also teaches the generator, by policy gradient (Williams
    1992). The reward of a token is the probability of "real" that the discriminator gives, averaged over
    `rollouts` ends that the generator writes after the token; the last token's is that of the text itself.
    The batch mean at each position is subtracted as a baseline: it lowers the variance and adds no bias.

    `fit` wants int32 [batch, context + length]: real pieces of text. Generator and real text share the first
    `context` tokens, and the discriminator sees both parts. The optimiser of `compile` is the generator's;
    the losses are SeqGAN's own.

    Args:
        generator: a `GenerationModel` without `streams`, trained by likelihood.
        discriminator: a built `TextDiscriminator`, or any built model of pieces [batch, context + length] ->
            logits [batch].
        context: tokens that are given, at least 1.
        rollouts: ends written after each beginning. every, warmup: see above.
        rollout_tokens: tokens from a beginning to the next, which share a reward; 1 in the paper.
        likelihood: weight of the usual loss, in nats per token of the real piece, in the generator's loss: a
            little keeps a text from falling apart (Wu et al. 2016, arXiv:1609.08144, section 5.2).
        discriminator_rate: learning rate of the discriminator's Adam.
        seed: of all that is drawn; a step draws by its number.
    """

    def __init__(
        self,
        generator,
        discriminator,
        context=1,
        rollouts=8,
        rollout_tokens=1,
        every=5,
        warmup=100,
        likelihood=0.0,
        discriminator_rate=1e-3,
        seed=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.generator, self.discriminator = generator, discriminator
        # The loss asks for "real" and "not real" at once, so its gradients change sign: less momentum than
        # Adam's default (Radford, Metz & Chintala 2016, arXiv:1511.06434).
        self.discriminator_optimizer = keras.optimizers.Adam(
            discriminator_rate, beta_1=0.5, global_clipnorm=1.0, name="discriminator_adam"
        )
        self.means = {name: keras.metrics.Mean(name=name) for name in LOSSES}
        self.context, self.length = context, discriminator.input_shape[1] - context
        self.rollouts, self.rollout_tokens = rollouts, rollout_tokens
        self.every, self.warmup = every, warmup
        self.likelihood, self.seed = likelihood, seed
        self.built = True

    def compile(self, optimizer, loss=None, **options):
        super().compile(optimizer=optimizer, **options)
        self.discriminator_optimizer.build(self.discriminator.trainable_variables)

    def call(self, inputs, training=False):
        return self.generator(inputs, training=training)

    @property
    def metrics(self):
        return list(self.means.values())

    @property
    def extra_variables(self):
        """What a step changes beside weights, metrics and optimiser (see `kerasapp.task.Task.learner`)."""
        return self.discriminator_optimizer.variables

    def train_step(self, data):
        real, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        number = tf.cast(self.discriminator_optimizer.iterations, tf.int32)
        written = self.write(real[:, : self.context], number)
        results = self._teach_discriminator(real, written)
        due = (number >= self.warmup) & ((number - self.warmup) % self.every == 0)
        loss, reward = tf.cond(
            due, lambda: self._teach_generator(real, written, number), lambda: (tf.zeros([]), tf.zeros([]))
        )
        return self._report(due, loss, reward, *results)

    def write(self, context, number):
        """Pieces that begin with `context` [batch, context] int32, the rest drawn by the generator -> int32
        [batch, context + length]; `number` int32 scalar chooses what is drawn."""
        logits, states = self._after(context)
        seeds = self._seeds(number, WRITING, tf.shape(context)[0])
        tokens, _, _ = sample(step_function(self.generator), logits, states, _plain(seeds), 0, self.length)
        return tf.concat([context, tokens], axis=1)

    def rewards(self, written, number):
        """How real the discriminator finds each text after each of its drawn tokens, by rollouts: written
        int32 [batch, context + length] -> float32 [batch, length], probabilities."""
        step, group = step_function(self.generator), self.rollout_tokens
        batch, groups = tf.shape(written)[0], -(-self.length // group)
        _, states = self._after(written[:, : self.context])
        seeds = self._seeds(number, ROLLOUTS, batch * self.rollouts)

        def body(i, states, rewards):
            begun = self.context + (i + 1) * group  # tokens of the beginning
            for t in range(group):
                logits, states = step(written[:, begun - group + t], states)
            many = {name: tf.repeat(state, self.rollouts, axis=1) for name, state in states.items()}
            logits = tf.repeat(logits, self.rollouts, axis=0)
            left = self.context + self.length - begun
            ends, _, _ = sample(step, logits, many, _plain(seeds), begun - self.context, left)
            texts = tf.concat([tf.repeat(written[:, :begun], self.rollouts, axis=0), ends], axis=1)
            found = tf.reshape(self._probability(texts), [batch, self.rollouts])
            return i + 1, states, rewards.write(i, tf.reduce_mean(found, axis=1))

        rewards = tf.TensorArray(tf.float32, size=groups, element_shape=[None])
        rewards = tf.while_loop(
            lambda i, *_: i < groups - 1, body, (0, states, rewards), parallel_iterations=1
        )[2].write(groups - 1, self._probability(written))
        rewards = tf.transpose(rewards.stack())  # [batch, groups]
        return tf.repeat(rewards, group, axis=1)[:, : self.length]

    def _teach_discriminator(self, real, written):
        pieces = tf.concat([real, written], axis=0)
        wanted = tf.concat([tf.ones(tf.shape(real)[:1]), tf.zeros(tf.shape(written)[:1])], axis=0)
        with tf.GradientTape() as tape:
            logits = self.discriminator(pieces, training=True)
            nats = tf.nn.sigmoid_cross_entropy_with_logits(wanted, logits)
            loss = tf.reduce_mean(nats)
        variables = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(loss, variables), variables)
        return loss, tf.reduce_mean(tf.cast((logits > 0) == (wanted > 0.5), tf.float32))

    def _teach_generator(self, real, written, number):
        rewards = self.rewards(written, number)
        advantages = rewards - tf.reduce_mean(rewards, axis=0, keepdims=True)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(advantages * self._nats(written))
            if self.likelihood:
                loss += self.likelihood * tf.reduce_mean(self._nats(real))
        variables = self.generator.trainable_variables
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss, tf.reduce_mean(rewards)

    def _nats(self, pieces):
        """-ln p of each token after the context, [batch, length]."""
        logits = self.generator(pieces[:, :-1], training=False)[:, self.context - 1 :]
        return tf.nn.sparse_softmax_cross_entropy_with_logits(pieces[:, self.context :], logits)

    def _after(self, context):
        """(logits [batch, vocabulary], states name -> [units, batch]) after a context."""
        shape = [tf.shape(context)[0], self.generator.units]
        zeros = {name: tf.zeros(shape) for name in self.generator.state_names}
        logits, states = window(self.generator, context, zeros)
        return logits[:, -1], transposed(states)

    def _probability(self, pieces):
        return tf.sigmoid(self.discriminator(pieces, training=False))

    def _seeds(self, number, purpose, count):
        """Seeds of rows, int32 [count]: a pure function of the step's number."""
        own = derived(derived(tf.constant([self.seed]), number[tf.newaxis])[0], tf.constant([purpose]))
        return derived(own[0], tf.range(count))[0]

    def _report(self, due, loss, reward, discriminator_loss, told_apart):
        # Steps without the generator do not count in its means: a weight of 0, not a value of 0.
        counted = tf.cast(due, tf.float32)
        self.means["loss"].update_state(loss, sample_weight=counted)
        self.means["reward"].update_state(reward, sample_weight=counted)
        self.means["discriminator_loss"].update_state(discriminator_loss)
        self.means["told_apart"].update_state(told_apart)
        return {name: mean.result() for name, mean in self.means.items()}


def _plain(seeds):
    """Sampling from the model's own probabilities."""
    ones, zeros = tf.ones_like(seeds), tf.zeros_like(seeds)
    return Sampling(tf.cast(ones, tf.float32), zeros, tf.cast(ones, tf.float32), seeds)
