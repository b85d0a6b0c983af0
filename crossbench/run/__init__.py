"""From a plan to a journal: launches, the workers of each, and every request they are asked."""
