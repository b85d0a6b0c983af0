"""Commands for the developers of crossbench, run by hand."""
