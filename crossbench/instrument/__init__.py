"""The instrument measured: what crossbench itself adds, with an engine whose times are known."""
