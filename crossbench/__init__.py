"""crossbench: compares LLM inference engines on identical prompts, honestly.

The package imports nothing here, because the worker imports it inside every engine's environment.
"""

__version__ = "0.1.0"
