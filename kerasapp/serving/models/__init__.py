"""Versions of models: found, loaded, run, watched, unloaded."""
