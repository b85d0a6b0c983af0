"""llama.cpp through crossbench, held against a C loop on the very same library."""
