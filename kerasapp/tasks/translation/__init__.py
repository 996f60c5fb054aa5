"""Translation of sentences with attention."""
