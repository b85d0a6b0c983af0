"""llama.cpp's own counters, read as a proof that a prompt was computed and as native figures.

`llama_perf_context` counts a decode call of one token as evaluation and any larger one as prompt
evaluation, and reports each count as at least 1 (`llama_context::perf_get_data`).
"""

from __future__ import annotations

from typing import Protocol


class Perf(Protocol):
    """`llama_perf_context_data`: times in milliseconds, counts in tokens."""

    t_p_eval_ms: float
    t_eval_ms: float
    n_p_eval: int
    n_eval: int


def cached_prompt_tokens(perf: Perf, prompt: int, produced: int) -> int:
    """Prompt tokens that llama.cpp did not compute: 0 when the prefill was cold.

    All it computed is the prompt and every output token but the last, which is never decoded.
    """
    floor = 1 if prompt == 1 or produced == 1 else 0
    computed = perf.n_p_eval + perf.n_eval - floor - (produced - 1)
    return prompt - computed


def all_computed(perf: Perf, fed: int) -> bool:
    """Whether llama.cpp computed as many tokens as it was fed, of however many requests.

    A prompt evaluation is of two tokens at least, so a count of 1 there stands for 0; an evaluation
    count of 1 may stand for either.
    """
    prompts = perf.n_p_eval if perf.n_p_eval > 1 else 0
    return prompts + perf.n_eval == fed or (perf.n_eval == 1 and prompts == fed)


def native(perf: Perf, prompt: int, produced: int) -> dict[str, float]:
    """Its times, and its own tokens per second wherever it timed any token."""
    prompt_evaluated = perf.n_p_eval if prompt > 1 else 0
    evaluated = produced - 1 + (prompt == 1)
    figures: dict[str, float] = {}
    if prompt_evaluated and perf.t_p_eval_ms > 0:
        figures["prompt_eval_ms"] = perf.t_p_eval_ms
        figures["prompt_eval_tps"] = 1000 * prompt_evaluated / perf.t_p_eval_ms
    if evaluated and perf.t_eval_ms > 0:
        figures["eval_ms"] = perf.t_eval_ms
        figures["eval_tps"] = 1000 * evaluated / perf.t_eval_ms
    return figures
