"""llama.cpp as a crossbench backend."""
