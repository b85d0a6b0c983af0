"""What crossbench itself costs, measured; one command each."""
