"""A tiny engine that keeps the contract, and copies of it with one planted defect each."""
