"""Programs that read report.json can check it by the JSON Schema."""

from __future__ import annotations

import json

import pytest
from jsonschema import Draft202012Validator

from crossbench.report.json_schema import json_schema
from crossbench.report.write import as_json
from tests.conftest import ROOT
from tests.report.material import hostile, usual

VALIDATOR = Draft202012Validator(json_schema())


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(json_schema())


def test_the_file_beside_the_docs_is_what_the_structs_say() -> None:
    """Made anew by `python -m tools.report_schema`."""
    kept = json.loads((ROOT / "docs" / "report.schema.json").read_text())
    assert kept == json.loads(json.dumps(json_schema()))


@pytest.mark.parametrize("report", [usual, hostile])
def test_a_report_is_what_it_says(report: object) -> None:
    assert callable(report)
    VALIDATOR.validate(json.loads(as_json(report())))


@pytest.mark.parametrize(
    ("key", "value"), [("schema", 1), ("title", 7), ("scenarios", {}), ("outcome", None)]
)
def test_what_is_no_report_is_refused(key: str, value: object) -> None:
    told = {**json.loads(as_json(usual())), key: value}
    assert [key] in [list(error.absolute_path) for error in VALIDATOR.iter_errors(told)]
