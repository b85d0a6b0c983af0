"""What a target will take where nobody has measured it: from its size and its memory's speed.

A decoder reads all of its weights for each token, so the time of a token lies above bytes over
bandwidth; how far above depends on the engine, hence the wide ranges. The factors below are round;
they hold the published speeds that the tests list, with room to both sides. A mixture of experts
reads only a part of its weights, and is faster than this says.
"""

from __future__ import annotations

from collections.abc import Sequence

from crossbench.plan.model import UNKNOWN, Plan, TargetPlan
from crossbench.plan.time import Pace, Span, total
from crossbench.suite.model import Scenario

HOST_BYTES_S = Span(5e9, 150e9)
"""Memory of processors, from one old channel to eight new ones."""
DEVICE_BYTES_S = Span(100e9, 5000e9)
"""Memory of devices that no table names."""
USED = Span(0.3, 1.0)
"""Share of the published bandwidth that decoding reaches."""
PROMPT_TOKEN, HOST_PROMPT_TOKEN = Span(1 / 400, 1 / 5), Span(1 / 100, 1 / 1.5)
"""Time of a prompt token over that of a produced one, on devices and on processors."""
TOKEN_S = Span(20e-6, 20e-3)
"""What an engine takes for a token, however small the model."""
PROMPT_TOKEN_S = Span(1e-6, 3e-3)
START_S = Span(0.2, 60.0)
"""From the process to an engine that loads nothing."""
DISK_BYTES_S = Span(0.1e9, 8e9)
REST_S = Span(0.05, 10.0)
SCORED = 3.0
"""Scoring a token against reading it, at most."""
UNTOLD_PROMPT = Span(16, 2048)
"""Tokens of a written prompt while the tokenizer is not here."""


def modelled(plan: Plan, target: TargetPlan, published: float | None) -> Pace | None:
    """The pace of a target from its artifact's bytes; None where these are not known.

    `published` is the memory bandwidth of one device, in bytes a second, where a table has it.
    """
    if target.artifact_bytes is None:
        return None
    bandwidth = _bandwidth(plan, target, published)
    reading = Span(
        target.artifact_bytes / (bandwidth.high * USED.high),
        target.artifact_bytes / (bandwidth.low * USED.low),
    )
    share = HOST_PROMPT_TOKEN if bandwidth == HOST_BYTES_S else PROMPT_TOKEN
    token = reading + TOKEN_S
    prompt = Span(reading.low * share.low, reading.high * share.high) + PROMPT_TOKEN_S
    planned = {item.scenario: item.prompt_tokens for item in plan.scenarios}
    window = plan.suite.quality.window if plan.suite.quality else 0
    return Pace(
        load=Span(
            START_S.low + target.artifact_bytes / DISK_BYTES_S.high,
            START_S.high + target.artifact_bytes / DISK_BYTES_S.low,
        ),
        rest=REST_S,
        passes={
            scenario.name: _pass(scenario, planned[scenario.name], prompt, token)
            for scenario in plan.suite.scenarios
            if scenario.name in planned
        },
        window=Span(prompt.low * window, SCORED * prompt.high * window),
        whence=_whence(published),
    )


def _pass(scenario: Scenario, lengths: Sequence[int], prompt: Span, token: Span) -> Span:
    """All requests of a pass. Tokens of requests that run at once are at best made together, as
    weights are read once for all of them; at worst one after the other."""
    turns = scenario.requests / len(lengths)
    prompts = total(_prompt(prompt, length) for length in lengths).times(turns)
    tokens = token.times(scenario.output_tokens * scenario.requests)
    tokens = Span(tokens.low / scenario.streams, tokens.high)
    rate = scenario.load.rate if scenario.load else None
    arriving = scenario.requests / rate if rate else 0.0
    busy = prompts + tokens
    return Span(max(arriving, busy.low), arriving + busy.high)


def _whence(published: float | None) -> str:
    if published is None:
        return "guessed from its size; nothing like it was run here"
    return f"from its size and the published {published / 1e9:,.0f} GB/s of its device"


def _bandwidth(plan: Plan, target: TargetPlan, published: float | None) -> Span:
    """Of one device at the least, of all of them together at the best, in bytes a second."""
    devices = len(plan.machine.cuda_devices)
    if target.variant == "cpu" or (published is None and not devices):
        return HOST_BYTES_S
    if published is None:
        return Span(DEVICE_BYTES_S.low, DEVICE_BYTES_S.high * devices)
    return Span(published, published * max(1, devices))


def _prompt(token: Span, length: int) -> Span:
    if length == UNKNOWN:
        return Span(token.low * UNTOLD_PROMPT.low, token.high * UNTOLD_PROMPT.high)
    return token.times(length)
