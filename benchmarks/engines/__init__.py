"""MLX and vLLM through crossbench, against their own loops; and how each engine starts."""
