"""A TF-Serving-compatible server for the SavedModels that kerasapp exports, and for any other.

`errors` names what can go wrong, `requests` and `responses` turn JSON into tensors and back, `bundle` is one
loaded SavedModel, `registry` knows the models and their versions, `rest` is the HTTP interface and `server`
runs it all. Importing this package imports neither TensorFlow nor Keras.
"""
