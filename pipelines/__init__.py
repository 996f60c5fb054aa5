"""From raw files to batches: text, and pairs of sentences; speech is to follow.

`pipelines` imports TensorFlow and never `kerasapp`, so that it can be used alone:

    from pipelines.generation import prepare, training_windows

    corpus = prepare(["sample:tinyshakespeare"])
    train = training_windows(corpus.tokens[corpus.splits["train"]], streams=64, window=100, seed=0)

Importing this package alone is cheap: TensorFlow comes with the modules that need it.
"""

# The name `pipelines` is a common one, and a folder of that name in the working directory comes first on
# Python's path. kerasapp reads this mark at import to make sure that the one found is its own.
PROJECT = "kerasapp"
