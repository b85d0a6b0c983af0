"""Environments: one isolated Python environment per backend variant, built by uv.

`environment.resolve` is the way in. Data flows from a `BackendSpec` and the machine to a variant
(`variant`), from there to a folder of the store (`store`), which is built where it is missing
(`build`), and ends as an `Environment`: an interpreter and the path that the worker starts with.
"""
