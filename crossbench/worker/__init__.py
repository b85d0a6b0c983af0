"""Workers: the child process that loads an engine and stamps its tokens, and its supervisor."""
