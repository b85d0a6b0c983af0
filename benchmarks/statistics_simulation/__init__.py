"""Whether intervals and verdicts keep their word, on simulated machines whose truth is known.

    python -m benchmarks.statistics_simulation [--runs N] [--seed S]

Every run goes through the plan's own order of launches and the statistics that reports use.
"""
