"""`python -m crossbench`."""

from crossbench.cli import main

main()
