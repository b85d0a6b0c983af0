"""crossbench at several requests at once, held against what the engines bring along for that."""
