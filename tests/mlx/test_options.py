"""Options are checked without an engine, and defaults are those of mlx-lm."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from crossbench_mlx.options import MlxOptions


def convert(**options: Any) -> MlxOptions:
    return msgspec.convert(options, MlxOptions)


def test_defaults_are_those_of_mlx_lm() -> None:
    options = convert()
    assert (options.prefill_step_size, options.lookahead) == (2048, True)
    assert (options.kv_bits, options.kv_group_size, options.quantized_kv_start) == (None, 64, 0)
    assert (options.dtype, options.wired_limit_mib) == (None, None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prefil_step_size": 3}, "unknown field `prefil_step_size`"),
        ({"prefill_step_size": 0}, ">= 1"),
        ({"prefill_step_size": "all"}, "Expected `int`"),
        ({"kv_bits": 7}, "Invalid enum value 7"),
        ({"kv_bits": 8, "kv_group_size": 48}, "Invalid enum value 48"),
        ({"kv_bits": 8, "quantized_kv_start": -1}, ">= 0"),
        ({"dtype": "f32"}, "Invalid enum value 'f32'"),
        ({"lookahead": 1}, "Expected `bool`"),
        ({"wired_limit_mib": -1}, ">= 0"),
        ({"kv_group_size": 32}, "counts only with kv_bits"),
        ({"quantized_kv_start": 5000}, "counts only with kv_bits"),
    ],
)
def test_a_wrong_option_is_refused_in_clear_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        convert(**given)


def test_a_quantised_cache_can_be_written_in_full() -> None:
    options = convert(kv_bits=4, kv_group_size=32, quantized_kv_start=5000)
    assert (options.kv_bits, options.kv_group_size, options.quantized_kv_start) == (4, 32, 5000)


def test_every_option_is_documented_in_its_schema() -> None:
    schema = msgspec.json.schema(MlxOptions)["$defs"]["MlxOptions"]["properties"]
    assert set(schema) == set(MlxOptions.__struct_fields__)
    assert [name for name, entry in schema.items() if not entry.get("description")] == []
