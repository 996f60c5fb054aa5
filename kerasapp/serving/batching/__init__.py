"""Requests of several clients in one run of the model."""
