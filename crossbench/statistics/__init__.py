"""Statistics over launches: intervals, ratios, verdicts, percentiles, flags. Pure functions."""
