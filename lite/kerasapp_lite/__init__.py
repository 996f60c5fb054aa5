"""Runs the TensorFlow Lite bundles of kerasapp without TensorFlow: text, translations, speech, forecasts.

from kerasapp_lite.bundle import Bundle
from kerasapp_lite.generation import Generator

generator = Generator(Bundle("saved_models/wp/1/tflite"))
for piece in generator.stream("Prince ", length=200):
    print(piece, end="", flush=True)
"""
