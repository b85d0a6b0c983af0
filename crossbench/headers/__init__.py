"""Headers: what model files say of themselves before their weights, wherever the files lie.

A file is read by ranges (`source`), as a GGUF or as safetensors, and a model's files make one
`Header` (`files`). Every count in a header may lie, so each is held against a bound.
"""
