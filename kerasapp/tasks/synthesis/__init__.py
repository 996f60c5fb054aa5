"""Speech synthesis: text to spectrograms to sound."""
