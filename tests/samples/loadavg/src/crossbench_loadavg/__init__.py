"""A third party's probe: how many programs want the processor."""
