"""The suite format for editors, which complete and check TOML by a JSON Schema."""

from __future__ import annotations

from typing import Any

import msgspec

from crossbench.suite.tables.suite import SuiteFile


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a suite file.

    It says what the structs say. Rules between keys, such as prompts or prompt_tokens but not
    both, are told by `load` only.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "crossbench suite",
        **msgspec.json.schema(SuiteFile),
    }
