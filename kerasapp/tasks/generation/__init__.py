"""Text generation: a language model of characters or subwords."""
