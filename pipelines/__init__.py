"""From raw files to batches: text, pairs of sentences, recordings with transcripts, and series of numbers.

`pipelines` imports TensorFlow and never `kerasapp`, so it can be used alone:

    from pipelines.generation import prepare, training_windows

    corpus = prepare(["sample:tinyshakespeare"])
    train = training_windows(corpus.split("train"), streams=64, window=100, seed=0)

`generation`, `translation`, `synthesis` and `series` are the ways in: each has `prepare`, from files to a
corpus, and batches for training and validation. Importing this package alone is cheap: TensorFlow comes with
the modules that need it.
"""

# `pipelines` is a common name, and a folder of that name in the working directory comes first on Python's
# path. At import kerasapp checks this mark, to be sure that it has found its own package.
PROJECT = "kerasapp"
