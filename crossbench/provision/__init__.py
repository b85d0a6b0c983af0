"""What a run needs before it starts: its suite planned, its environments and artifacts had."""
