"""Keras `fit` with all that a run needs around it: schedule, checkpoints, selection, logs."""
