"""The format of `report.json` for programs: a JSON Schema made from the structs themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from crossbench.report.model import SCHEMA, Report


def json_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of `report.json`."""
    made = msgspec.json.schema(Report)
    made["$defs"]["Report"]["properties"]["schema"] = {"const": SCHEMA}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"crossbench report, schema {SCHEMA}",
        **made,
    }
