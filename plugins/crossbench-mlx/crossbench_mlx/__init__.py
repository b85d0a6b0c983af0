"""MLX as a crossbench backend."""
