"""The machine: what a run was measured on."""
