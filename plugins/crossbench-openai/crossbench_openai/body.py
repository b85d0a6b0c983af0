"""The body of a request, in the fields that a server knows.

Fields that no server lacks are OpenAI's. The others have defaults which differ from server to
server and are rarely neutral (llama-cpp-python's penalises repetition by 1.1 and drops tokens under
a twentieth of the likeliest one's probability), so they are set wherever the server takes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossbench.api import Request, Sampling
from crossbench_openai.options import OpenAIOptions
from crossbench_openai.server import Server

NEUTRAL = {"min_p": 0.0, "repeat_penalty": 1.0, "repetition_penalty": 1.0}
LENGTH_FORCED_BY = ("ignore_eos", "min_tokens", "logit_bias")
"""Best first: the first of them that a server knows is set. The later ones bar ids that end an
answer: those that the server knows, and those that the artifact's folder names."""
BARRED = -100.0
"""The least that OpenAI's protocol lets be added to a logit."""


class Bodies:
    """The bodies of one target's requests."""

    def __init__(self, server: Server, options: OpenAIOptions, ends: Sequence[int]) -> None:
        """`ends` are the ids at which the model ends an answer."""
        self._server = server
        self._bars = {str(token): BARRED for token in ends}
        self._extra = options.extra_body
        kind = server.kind
        self._fixed = {
            "model": server.model,
            "stream": True,
            "stream_options": {"include_usage": True, **_counting(server)},
            "return_token_ids": True,
            **NEUTRAL,
            **(kind.always if kind else {}),
        }
        self._honoured = server.fields | options.extra_body.keys()
        forcing = LENGTH_FORCED_BY if ends else LENGTH_FORCED_BY[:-1]
        self.forced_by = next((name for name in forcing if name in self._honoured), None)
        """The field that holds an answer at its full length, if there is one."""

    def of(self, request: Request, prompt: Mapping[str, Any]) -> Mapping[str, Any]:
        """The body that asks for this request."""
        wanted = {
            **self._fixed,
            "max_tokens": request.max_tokens,
            **_sampling(request.sampling),
            **self._ending(request),
        }
        known = {name: value for name, value in wanted.items() if name in self._server.fields}
        return {**known, **prompt, **self._extra}

    def ignored(self) -> tuple[str, ...]:
        """What of a request this server is not known to honour."""
        lacking = [name for name in ("top_k", "seed") if name not in self._honoured]
        if self.forced_by is None:
            lacking.append("exact output length")
        if "stop_token_ids" not in self._honoured:
            lacking.append("stop ids")
        return tuple(lacking)

    def _ending(self, request: Request) -> Mapping[str, Any]:
        if request.stop_ids:
            return {"stop_token_ids": list(request.stop_ids)}
        values = {
            "ignore_eos": True,
            "min_tokens": request.max_tokens,
            "logit_bias": self._bars,
        }
        return {self.forced_by: values[self.forced_by]} if self.forced_by else {}


def _counting(server: Server) -> Mapping[str, bool]:
    """The count so far with each event, where that is to be had and ids are not."""
    counts = server.kind is not None and server.kind.counts_each
    return {"continuous_usage_stats": True} if counts and not server.sends_ids else {}


def _sampling(sampling: Sampling) -> Mapping[str, Any]:
    """Without a seed where nothing is drawn: mlx-lm batches no request that has one."""
    told = {
        "temperature": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
    }
    return told | ({"seed": sampling.seed} if sampling.temperature else {})
