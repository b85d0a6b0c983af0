"""The tiny model: its corpus, its training, its export and its measurement."""
