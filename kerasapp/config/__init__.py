"""Configuration: plain dataclasses, presets and strict parsing. Nothing here imports TensorFlow or Keras."""
