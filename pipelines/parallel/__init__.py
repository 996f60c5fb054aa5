"""Parallel corpora: pairs of sentences from files to tokens on disk."""
