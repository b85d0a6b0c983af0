"""Analysis: samples to metrics, a pure function of the run folder."""
