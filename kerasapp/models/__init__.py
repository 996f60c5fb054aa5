"""Functional Keras models. They take numbers and know no pipeline."""
