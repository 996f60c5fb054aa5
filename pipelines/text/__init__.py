"""Text as token ids: normalisation, vocabularies, sentences, and whole texts on disk."""
