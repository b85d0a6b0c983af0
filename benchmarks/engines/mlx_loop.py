"""mlx-lm's own loops, which crossbench is held against; see `orders` for how it is spoken to.

`step`       `mlx_lm.generate.generate_step`, its tokens stamped as they come. On a CPU the first of
             them comes with the step after it, which is dispatched before; so the prefill is timed
             apart, by `max_tokens=0`, which computes the first token and no step more.
`benchmark`  what `mlx_lm.benchmark` does with a prompt of random ids, and its own figures. Its
             `generation_tps` divides n tokens by the time from the first to the last, in which
             n - 1 came.
"""

from __future__ import annotations

from time import perf_counter_ns

from benchmarks.engines.orders import Host, Order

host = Host()

import mlx.core as mx  # noqa: E402
from mlx_lm.generate import generate_step, stream_generate  # noqa: E402
from mlx_lm.utils import load  # noqa: E402


def main() -> None:
    """Load, then obey."""
    task = host.task()
    model, tokenizer = load(task["model"])
    model.set_dtype(getattr(mx, task["options"]["dtype"]))
    mx.eval(model.parameters())
    tokenizer._eos_token_ids = {}  # as mlx_lm.benchmark does, lest the output end early
    host.ready(f"MLX {mx.__version__}")
    for order in host.orders():
        mx.clear_cache()
        if order.mode == "step":
            host.answer(*step(model, order))
        else:
            host.answer(*benchmark(model, tokenizer, order))


def step(model: object, order: Order) -> tuple[int, int, list[int]]:
    """Stamps of the plain loop."""
    began = perf_counter_ns()
    for _ in generate_step(mx.array(order.prompt), model, max_tokens=0):
        pass
    first_ns = perf_counter_ns() - began
    ids, stamps = [], []
    for token, _ in generate_step(mx.array(order.prompt), model, max_tokens=order.output):
        stamps.append(perf_counter_ns())
        ids.append(token)
    return first_ns, first_ns + stamps[-1] - stamps[0], ids


def benchmark(model: object, tokenizer: object, order: Order) -> tuple[int, int, list[int]]:
    """The benchmark's own figures, turned back into the times they were made of."""
    ids = []
    for response in stream_generate(model, tokenizer, order.prompt, max_tokens=order.output):
        ids.append(response.token)
    first_ns = round(len(order.prompt) / response.prompt_tps * 1e9)
    return first_ns, first_ns + round(len(ids) / response.generation_tps * 1e9), ids


if __name__ == "__main__":
    main()
