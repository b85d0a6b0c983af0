"""Artifacts: what a suite names as a model, found where it lies, or fetched before a run.

`look` says without fetching where each artifact is or what fetching it would take; `fetch` brings
it here; `identify` hashes what was measured. A written reference becomes a struct (`reference`),
a struct a place (`local`, `ollama`, `lmstudio`, `cache`), and what the hub has to be asked goes
through one door (`hub`).
"""
