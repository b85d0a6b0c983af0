"""Editors that check suites by the JSON Schema agree with crossbench."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli
from jsonschema import Draft202012Validator

from crossbench.suite.json_schema import json_schema

HERE = Path(__file__).parent
VALIDATOR = Draft202012Validator(json_schema())


def test_it_is_a_schema_and_plain_json() -> None:
    Draft202012Validator.check_schema(json_schema())
    schema = json.loads(json.dumps(json_schema()))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "crossbench suite"
    assert "launches" in schema["$defs"]["ProtocolTable"]["properties"]


@pytest.mark.parametrize("path", sorted(HERE.glob("good/*.toml")), ids=lambda path: path.name)
def test_it_accepts_a_good_suite(path: Path) -> None:
    VALIDATOR.validate(tomli.loads(path.read_text()))


@pytest.mark.parametrize(
    ("suite", "at"),
    [
        ("unknown-keys", ["protocol"]),
        ("missing-keys", ["model"]),
        ("wrong-types", ["protocol", "launches"]),
        ("ranges", ["scenarios", 0, "prompt_tokens"]),
        ("choices", ["protocol", "profile"]),
        ("schema-newer", ["schema"]),
        ("names-unsafe", ["scenarios", 0, "name"]),
        ("no-targets-no-scenarios", ["targets"]),
        ("matrix-empty", ["targets", "a", "artifact"]),
        ("prompts-empty", ["scenarios", 0, "prompts"]),
        ("prompt-contents", ["scenarios", 0, "prompts"]),
    ],
)
def test_it_rejects_a_bad_suite_where_it_is_bad(suite: str, at: list[str | int]) -> None:
    tables = tomli.loads((HERE / f"bad/{suite}.toml").read_text())
    assert at in [list(error.absolute_path) for error in VALIDATOR.iter_errors(tables)]
