"""Write docs/report.schema.json from the structs: `python -m tools.report_schema`."""

from __future__ import annotations

import json
from pathlib import Path

from crossbench.report.json_schema import json_schema

PLACE = Path(__file__).parents[1] / "docs" / "report.schema.json"


def main() -> None:
    """Write it."""
    PLACE.write_text(json.dumps(json_schema(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
