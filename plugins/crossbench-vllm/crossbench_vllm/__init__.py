"""vLLM as a crossbench backend."""
