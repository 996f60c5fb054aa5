"""How answers are chosen: sampling, and greedy and beam search."""
