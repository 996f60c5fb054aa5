"""Dynamic batching: the requests of several clients in one run of the model."""
