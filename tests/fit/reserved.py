"""Run in llama.cpp's interpreter: the compute buffer it would reserve, with nothing allocated.

So models of any size can be asked about. Arguments: the GGUF, then context, micro-batch and flash
attention (0 or 1), again and again; prints a JSON list of MiB.
"""

from __future__ import annotations

import ctypes
import json
import re
import sys

import llama_cpp

COMPUTE = re.compile(r"CPU compute buffer size =\s+([\d.]+) MiB")
lines: list[str] = []


@llama_cpp.llama_log_callback  # type: ignore[untyped-decorator, unused-ignore]
def listen(level: int, text: bytes | None, _: object) -> None:
    """Keep what llama.cpp says."""
    lines.append((text or b"").decode("utf-8", "replace"))


def reserved(model: object, context: int, micro_batch: int, flash: int) -> float:
    """MiB of the CPU's compute buffer."""
    params = llama_cpp.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = context, 2048, micro_batch
    params.n_seq_max, params.n_threads, params.flash_attn_type = 1, 1, flash
    lines.clear()
    made = llama_cpp.llama_init_from_model(model, params)
    assert made, "".join(lines)
    llama_cpp.llama_free(made)
    return float(COMPUTE.findall("".join(lines))[-1])


def main(path: str, *settings: str) -> None:
    """Load the header, and ask."""
    llama_cpp.llama_log_set(listen, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    params = llama_cpp.llama_model_default_params()
    params.no_alloc, params.load_mode = True, llama_cpp.LLAMA_LOAD_MODE_NONE
    model = llama_cpp.llama_model_load_from_file(path.encode(), params)
    assert model, "".join(lines)
    numbers = [int(setting) for setting in settings]
    asked = zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True)
    print(json.dumps([reserved(model, *each) for each in asked]))  # noqa: T201 - its answer


if __name__ == "__main__":
    main(*sys.argv[1:])
