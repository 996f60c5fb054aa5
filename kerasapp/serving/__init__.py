"""A TF-Serving-compatible server for the SavedModels that kerasapp exports, and for any other.

- `server`: the process. It starts everything and stops it.
- `engine`: every request passes through it: limits, deadlines, batching, metrics.
- `models`: which models and versions there are, loaded, labelled, watched.
- `batching`: requests of several clients in one run of the model.
- `rest` and `rpc`: the two interfaces. `rest` also has the streams, `page` is the page at `/`.
- `protocol`: what the interfaces and their clients share. `observing`: logs and metrics.
- `client`: asks a server, this one or TF Serving. `production`: files to run an export in production.

The import of this package imports neither TensorFlow nor Keras.
"""
