"""What a run tells of its owner, and the same run without it."""
