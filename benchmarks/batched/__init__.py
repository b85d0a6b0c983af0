"""crossbench at several requests at once, held against what the engines bring along for that."""

LOOP = "batched"
"""The request that runs an engine's own benchmark, in the worker, on what its plugin has loaded."""
