"""The benchmark against peers: its server tells the truth, and claims are held to the right one."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.peers import truth
from benchmarks.peers.claim import Claim, Score, Unmatched, errors, score
from benchmarks.peers.contestants import (
    TINY,
    Load,
    aiperf_claims,
    crossbench,
    guidellm_claims,
)
from benchmarks.peers.run import Failed, run
from benchmarks.peers.truth import Sent
from crossbench.envs.environment import Environment
from crossbench.prompts.tokenizer import CanonicalTokenizer

MS = 1_000_000


def sent(number: int, header: str | None = None) -> Sent:
    """First token after 200 ms, four more every 20 ms."""
    stamps = tuple((200 + 20 * place) * MS for place in range(5))
    return Sent(number=number, header=header, received_ns=0, emitted_ns=stamps)


def claim(number: int | None, ttft_ms: float, header: str | None = None) -> Claim:
    return Claim(number=number, header=header, ttft_ns=ttft_ms * MS, tpot_ns=21 * MS)


@given(st.integers(0, 2**truth.DIGITS - 1), st.integers(truth.DIGITS, 100))
def test_the_text_of_an_answer_holds_its_number(number: int, tokens: int) -> None:
    text = truth.words(number, tokens)
    assert len(text) == tokens
    assert truth.number("".join(text)) == number


def test_a_client_that_tokenises_the_text_counts_what_was_sent() -> None:
    tokenizer = CanonicalTokenizer.load(TINY)
    assert len(tokenizer.encode_verbatim("".join(truth.words(0b1011, 64)))) == 64


def test_errors_are_of_what_is_claimed_against_what_was() -> None:
    found = score([claim(1, 203), claim(2, 201)], [sent(2), sent(1)])
    assert found.requests == 2
    assert found.ttft.bias_ns == 2 * MS
    assert found.ttft.bias == pytest.approx(0.01)
    assert (found.ttft.p99_ns, found.ttft.worst_ns) == (3 * MS, 3 * MS)
    assert found.tpot.bias == found.worst_bias == pytest.approx(0.05)


def test_a_bias_has_a_sign_and_an_error_has_none() -> None:
    found = errors([(90.0, 100.0), (100.0, 100.0), (101.0, 100.0)])
    assert found.bias == pytest.approx(-0.03)
    assert (found.p99_ns, found.worst_ns) == (10, 10)
    assert Score(requests=3, ttft=found, tpot=errors([(1.0, 1.0)])).worst_bias == pytest.approx(
        0.03
    )


@pytest.mark.parametrize(
    "claims",
    [[], [claim(3, 1)], [claim(None, 1)], [claim(1, 1, "other")], [claim(1, 1), claim(1, 1)]],
)
def test_a_claim_of_no_request_or_of_one_twice_is_refused(claims: list[Claim]) -> None:
    with pytest.raises(Unmatched):
        score(claims, [sent(1, "a"), sent(2, "b")])


def test_a_header_tells_a_request_as_well() -> None:
    assert score([claim(None, 200, "b")], [sent(1, "a"), sent(2, "b")]).ttft.bias_ns == 0


def test_an_export_of_aiperf_is_read_without_its_warm_up() -> None:
    def line(header: str, phase: str, unit: str = "ms") -> bytes:
        metric = {"value": 200.5, "unit": unit}
        return msgspec.json.encode(
            {
                "metadata": {"x_request_id": header, "benchmark_phase": phase},
                "metrics": {
                    "time_to_first_token": metric,
                    "inter_token_latency": {"value": 20.25, "unit": "ms"},
                },
            }
        )

    (found,) = aiperf_claims(line("w", "warmup") + b"\n" + line("a", "profiling"))
    assert found == Claim(number=None, header="a", ttft_ns=200.5 * MS, tpot_ns=20.25 * MS)
    with pytest.raises(AssertionError):
        aiperf_claims(line("a", "profiling", "s"))


def test_an_export_of_guidellm_is_read_without_the_first_of_each_user() -> None:
    requests = [
        {
            "output": "".join(truth.words(number, 16)),
            "time_to_first_token_ms": 200.5,
            "inter_token_latency_ms": 20.25,
        }
        for number in (1, 2, 3)
    ]
    benchmark = {"config": {"strategy": {"streams": 2}}, "requests": {"successful": requests}}
    (found,) = guidellm_claims(msgspec.json.encode({"benchmarks": [benchmark]}))
    assert found == Claim(number=3, header=None, ttft_ns=200.5 * MS, tpot_ns=20.25 * MS)


SMALL = Load(streams=3, requests=9, tokens=20, ttft_s=0.05, gap_s=0.005)


@pytest.mark.engine("openai")
def test_no_first_token_is_claimed_sooner_than_it_was_sent(
    openai: Environment, tmp_path: Path
) -> None:
    assert openai.versions
    found = run(crossbench(), SMALL, tmp_path / "run")
    assert found.score.requests == 9
    assert found.tokens == 9 * 20 + 3 * 2
    assert found.score.ttft.bias_ns > 0
    assert found.score.tpot.bias < 1
    assert 0.1 < found.cpu_s < 60


def test_a_client_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    def command(url: str, load: Load, folder: Path) -> list[str]:
        return ["sh", "-c", f"echo cannot reach {url}; exit 3"]

    broken = msgspec.structs.replace(crossbench(), command=command)
    with pytest.raises(Failed, match=r"crossbench ended with 3:\ncannot reach http://127"):
        run(broken, SMALL, tmp_path / "run")
