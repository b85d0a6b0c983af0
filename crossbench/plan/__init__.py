"""Plans: which launches measure which cells, in which order, and what is left out and why."""
