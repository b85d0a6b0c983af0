"""Which processors and devices each process of a launch is given."""
