"""The benchmark against peers: its server tells the truth, and claims are held to the right one."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.peers import answers, tables
from benchmarks.peers.__main__ import in_turns
from benchmarks.peers.claim import Claim, Unmatched, matched
from benchmarks.peers.contestants import (
    TINY,
    Load,
    aiperf_claims,
    crossbench,
    guidellm_claims,
)
from benchmarks.peers.run import Failed, Run, pooled, run
from benchmarks.peers.score import Score, errors, excess, score
from benchmarks.peers.truth import Client, Schedule, Sent, Server, listener
from crossbench.envs.environment import Environment
from crossbench.prompts.tokenizer import CanonicalTokenizer

MS = 1_000_000


def sent(number: int, header: str | None = None) -> Sent:
    """First token after 200 ms, four more every 20 ms."""
    stamps = tuple((200 + 20 * place) * MS for place in range(5))
    return Sent(number=number, header=header, received_ns=0, emitted_ns=stamps)


def claim(number: int | None, ttft_ms: float, header: str | None = None) -> Claim:
    return Claim(number=number, header=header, ttft_ns=ttft_ms * MS, tpot_ns=21 * MS)


@given(st.integers(0, 2**answers.DIGITS - 1), st.integers(answers.DIGITS, 100))
def test_the_text_of_an_answer_holds_its_number(number: int, tokens: int) -> None:
    text = answers.words(number, tokens)
    assert len(text) == tokens
    assert answers.number("".join(text)) == number


def test_a_client_that_tokenises_the_text_counts_what_was_sent() -> None:
    tokenizer = CanonicalTokenizer.load(TINY)
    assert len(tokenizer.encode_verbatim("".join(answers.words(0b1011, 64)))) == 64


def test_errors_are_of_what_is_claimed_against_what_was() -> None:
    found = score(matched([claim(1, 203), claim(2, 201)], [sent(2), sent(1)]))
    assert found.requests == 2
    assert found.ttft.bias_ns == 2 * MS
    assert found.ttft.bias == pytest.approx(0.01)
    assert (found.ttft.p99_ns, found.ttft.mean_ns) == (3 * MS, 2 * MS)
    assert found.tpot.bias == found.worst_bias == pytest.approx(0.05)


def test_a_bias_has_a_sign_and_an_error_has_none() -> None:
    found = errors([(90.0, 100.0), (100.0, 100.0), (101.0, 100.0)])
    assert found.bias == pytest.approx(-0.03)
    assert found.p99_ns == 10
    assert found.mean_ns == pytest.approx(11 / 3)
    assert Score(requests=3, ttft=found, tpot=errors([(1.0, 1.0)])).worst_bias == pytest.approx(
        0.03
    )


def test_one_in_a_hundred_may_be_further_than_the_99th_percentile() -> None:
    def of(count: int) -> float:
        return errors([(100.0 + size, 100.0) for size in range(count, 0, -1)]).p99_ns

    assert [of(count) for count in (1, 99, 100, 101, 200)] == [1, 99, 99, 100, 198]


def test_a_bias_has_an_interval_over_requests() -> None:
    found = errors([(100.0 + size, 100.0) for size in (1, 2, 3, 4, 5)])
    # t of four freedoms is 2.776, the standard deviation the root of 2.5
    assert found.bias_ns == 3
    assert found.doubt_ns == pytest.approx(2.776 * (2.5 / 5) ** 0.5, rel=1e-3)
    assert errors([(1.0, 1.0)]).doubt_ns == float("inf")


def test_by_how_much_one_client_errs_more_has_welchs_interval() -> None:
    one, other = (
        errors([(100.0 + sign * size, 100.0) for size in sizes])
        for sign, sizes in ((1, (1, 2, 3)), (-1, (4, 5, 6)))
    )
    found = excess(one, other)
    assert found.mean_ns == -3
    assert found.doubt_ns == pytest.approx(2.776 * (2 / 3) ** 0.5, rel=1e-3)
    assert excess(other, one).mean_ns == 3
    assert excess(one, errors([(1.0, 1.0)])).doubt_ns == float("inf")
    same = errors([(101.0, 100.0), (99.0, 100.0)])
    assert (excess(same, same).mean_ns, excess(same, same).doubt_ns) == (0, 0)


@pytest.mark.parametrize(
    "claims",
    [[], [claim(3, 1)], [claim(None, 1)], [claim(1, 1, "other")], [claim(1, 1), claim(1, 1)]],
)
def test_a_claim_of_no_request_or_of_one_twice_is_refused(claims: list[Claim]) -> None:
    with pytest.raises(Unmatched):
        matched(claims, [sent(1, "a"), sent(2, "b")])


def test_a_header_tells_a_request_as_well() -> None:
    (pair,) = matched([claim(None, 200, "b")], [sent(1, "a"), sent(2, "b")])
    assert pair.sent.number == 2


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
            "output": "".join(answers.words(number, 16)),
            "time_to_first_token_ms": 200.5,
            "inter_token_latency_ms": 20.25,
        }
        for number in (1, 2, 3)
    ]
    benchmark = {"config": {"strategy": {"streams": 2}}, "requests": {"successful": requests}}
    (found,) = guidellm_claims(msgspec.json.encode({"benchmarks": [benchmark]}))
    assert found == Claim(number=3, header=None, ttft_ns=200.5 * MS, tpot_ns=20.25 * MS)


def of(bias_ms: float, streams: int = 1) -> Run:
    pairs = matched([claim(1, 200 + bias_ms), claim(2, 200 + bias_ms)], [sent(1), sent(2)])
    load, found = Load(streams=streams), score(pairs)
    return Run(load=load, pairs=pairs, score=found, cpu_s=1.0, server_cpu_s=0.5, tokens=10)


def test_turns_are_pooled_request_by_request() -> None:
    found = pooled([of(1), of(3)])
    assert (found.score.requests, found.score.ttft.bias_ns) == (4, 2 * MS)
    assert (found.cpu_s, found.server_cpu_s, found.tokens) == (2.0, 1.0, 20)


def test_each_client_stands_in_the_tables_beside_the_first() -> None:
    (row,) = tables.load_rows("ours", [of(1)])
    assert len(row) == len(tables.LOADS)
    assert row[:3] == ["ours", "1", "2"]
    assert row[4:6] == ["+1.00 (+0.50%)", "1.00"]
    rows = list(tables.apart_rows({"ours": of(1).score, "theirs": of(-3).score}))
    assert {len(one) for one in rows} == {len(tables.APART)}
    first, second, *_ = rows
    assert first[1:] == ["ours", "2", "+1000.0 ± 0.0", "1000.0", ""]
    assert second[1:] == ["theirs", "2", "-3000.0 ± 0.0", "3000.0", "-2000.0 ± 0.0"]


def test_the_load_that_is_carried_is_the_last_whose_bias_is_bearable() -> None:
    runs = [of(1, 1), of(2, 16), of(30, 64)]
    assert tables.carried(runs, 0.05, 128).startswith("16 streams, 701 tokens/s")
    assert tables.carried(runs[:2], 0.05, 16).endswith("or more")
    assert tables.carried(runs[2:], 0.05, 64) == "none"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps what comes on a connection")
def test_a_request_that_is_read_late_is_stamped_when_it_came() -> None:
    async def stamped() -> tuple[int, int, int]:
        loop = asyncio.get_running_loop()
        server = Server(Schedule(ttft_s=0.0, gap_s=0.0, tokens=1))
        with listener(0) as listening, socket.create_connection(listening.getsockname()) as client:
            Client(server, loop, listening.accept()[0])
            await asyncio.sleep(0.05)  # the kernel begins to stamp a little later than it is told
            before = time.perf_counter_ns()
            client.sendall(
                b'POST /v1/completions HTTP/1.1\r\ncontent-length: 15\r\n\r\n{"stream":true}'
            )
            time.sleep(0.2)  # what else the server may have to do
            after = time.perf_counter_ns()
            async with asyncio.timeout(10):
                while not server.sent:
                    await asyncio.sleep(0.01)
        return before, server.sent[0].received_ns, after

    before, received, after = asyncio.run(stamped())
    assert before < received < after


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
    assert 0.01 < found.server_cpu_s < 60


def test_a_client_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    def command(url: str, load: Load, folder: Path) -> list[str]:
        return ["sh", "-c", f"echo cannot reach {url}; exit 3"]

    broken = msgspec.structs.replace(crossbench(), command=command)
    with pytest.raises(Failed, match=r"crossbench ended with 3:\ncannot reach http://127"):
        run(broken, SMALL, tmp_path / "run")


def test_a_client_that_fails_has_no_further_turn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = msgspec.structs.replace(crossbench(), command=lambda *_: ["false"])
    assert in_turns([broken], 1, 3, tmp_path) == {}
    assert capsys.readouterr().out.count("ended with 1") == 1
