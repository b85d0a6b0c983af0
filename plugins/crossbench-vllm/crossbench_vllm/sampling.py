"""A request in vLLM's terms."""

from __future__ import annotations

from typing import Any

from vllm.sampling_params import RequestOutputKind, SamplingParams

from crossbench.api import Request
from crossbench_vllm.forcing import ARGUMENT


def parameters(request: Request, *, v2_runner: bool) -> Any:
    """Exactly `max_tokens` tokens, but for the request's own stop ids; ids only, as they come.

    `min_tokens` stays 0: vLLM enforces it by making end-of-text impossible, which would change
    what the model says.
    """
    sampling = request.sampling
    return SamplingParams(
        max_tokens=request.max_tokens,
        ignore_eos=True,
        stop_token_ids=list(request.stop_ids),
        temperature=sampling.temperature,
        top_k=sampling.top_k or -1,
        top_p=sampling.top_p,
        seed=sampling.seed if sampling.temperature > 0 else None,
        detokenize=False,
        output_kind=RequestOutputKind.DELTA,
        **_forcing(request, v2_runner),
    )


def _forcing(request: Request, v2_runner: bool) -> dict[str, Any]:
    if not request.forced_ids:
        return {}
    forced = list(request.forced_ids)
    return {"trace_decode_token_ids": forced} if v2_runner else {"extra_args": {ARGUMENT: forced}}


def scoring(top_k: int) -> Any:
    """Log-probabilities of the prompt's own ids and of the `top_k` likeliest at each place."""
    return SamplingParams(
        max_tokens=1,
        ignore_eos=True,
        temperature=0.0,
        prompt_logprobs=top_k,
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
