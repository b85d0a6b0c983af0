"""What plugin authors and the tests use: the scripted null engine."""
