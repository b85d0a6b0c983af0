"""Checks of what a stream carries: how many tokens, one finish, in time, and which."""

from __future__ import annotations

from itertools import pairwise
from statistics import mean

import pytest

from crossbench.api import Boundary, Capability
from crossbench.testing.conformance.base import Checks, output, shape
from crossbench.worker.protocol import Record

LONG = 64
"""Output tokens of a request whose stamps are judged."""
LEAST_SPREAD = 0.25
"""The part of a long request that must lie between its first chunk and its last."""
MOST_GAPS = 0.8
"""Where this part of the gaps between chunks is short, the chunks come in bursts."""
SHORT_GAP = 0.1
"""A gap under this part of the mean gap is short."""
TRIES = 6
"""On a busy machine an honest stream may look like bursts once, not every time."""
TEXTS = ("The cat sat on 12 mats.", "import os\nprint(x)", " two  spaces ")
ENDS = (b"<|end|>", b"<|im_end|>", b"<|endoftext|>", b"<|eot_id|>", b"</s>", b"<eos>")


class StreamChecks(Checks):
    """One request at a time."""

    def test_token_counts_are_exact(self) -> None:
        """Without stop ids a request gives exactly `max_tokens` tokens, end-of-text included, up
        to the whole context that `Needs.context_tokens` asked for."""
        self.needs(Capability.TOKEN_IDS)
        for record in self.shapes:
            prompt, due = shape(record)
            if record.failure is not None:
                if record.failure.kind == "contract":
                    continue  # what else is wrong with it, another check says
                self.broken(
                    f"{prompt} prompt and {due} output tokens failed: {record.failure.message}",
                    f"serve requests up to {self.context_tokens} tokens, as Needs asked",
                )
            if record.token_ids is None:
                self.broken("a chunk carried no token ids", "send ids, or do not declare TOKEN_IDS")
            if miscounted(record):
                self.broken(
                    f"{prompt} prompt tokens and max_tokens = {due} gave "
                    f"{len(record.token_ids)} tokens",
                    "go on past end-of-text, stop at max_tokens, and send each token once",
                )

    def test_text_comes_with_its_number_of_tokens(self) -> None:
        """Without TOKEN_IDS the output's number of tokens is told, by its chunks, its finish or
        both, which then agree; it is never taken from what was asked."""
        if self.declares(Capability.TOKEN_IDS):
            pytest.skip(f"{self.spec.name} declares TOKEN_IDS")
        (record,) = self.answered(self.request())
        told = record.finish.output_tokens if record.finish else None
        counted = sum(record.counts)
        if told is None and not counted:
            self.broken(
                "neither a chunk nor the finish told how many tokens the text is",
                "tell Chunk.tokens as they come, or Finish.output_tokens with counted_by",
            )
        if told is not None and counted and told != counted:
            self.broken(
                f"the chunks hold {counted} tokens and the finish tells {told}",
                "count what was sampled, once",
            )

    def test_a_single_finish_ends_a_stream(self) -> None:
        """The last chunk of a stream, and no other, carries the finish; its reason is "length"
        where `max_tokens` ended it."""
        for record in self.shapes:
            prompt, due = shape(record)
            case = f"{prompt} prompt and {due} output tokens"
            if record.failure is not None and record.failure.kind == "contract":
                self.broken(
                    f"{case}: {record.failure.message}",
                    "yield Chunks, and give the last one of each stream its Finish",
                )
            if record.finish is not None and record.finish.reason != "length":
                self.broken(f"{case}: the reason is {record.finish.reason!r}", "tell 'length'")

    def test_tokens_are_streamed_as_they_come(self) -> None:
        """A chunk is yielded when its tokens become visible; tokens that became visible together
        share one chunk."""
        self.answered(self.request(tokens=LONG))
        if self.bench.ready.loaded.boundary is Boundary.HTTP:
            pytest.skip("behind a server, what is on the way may hold chunks up")
        worst = ""
        for salt in range(TRIES):
            (record,) = self.answered(self.request(tokens=LONG, salt=salt + 1))
            if len(record.token_ids or ()) < LONG and any(map(miscounted, self.shapes)):
                pytest.skip("its token counts are wrong, as another check says")
            if (problem := unstreamed(record)) is None:
                return
            worst = problem
        self.broken(
            f"{worst}, {TRIES} times out of {TRIES}",
            "yield from inside the engine's loop; collect nothing, and split no chunk into many",
        )

    def test_stop_ids_end_the_output(self) -> None:
        """A request ends at the first of its `stop_ids`, and then its finish says "stop"."""
        self.needs(Capability.TOKEN_IDS)
        (free,) = self.answered(self.request())
        ids = free.token_ids or ()
        if len(set(ids)) < 2:
            pytest.skip("the artifact's greedy output repeats one token; nothing to stop at")
        stop = next(token for token in ids[3:] or ids if token != ids[0])
        place = ids.index(stop)
        (record,) = self.answered(self.request(id="stopped", stop_ids=(stop,)))
        got = record.token_ids or ()
        if got not in (ids[:place], ids[: place + 1]):
            self.broken(
                f"the free output is {ids}; with {stop} as a stop id it is {got}",
                f"end it at the first {stop}",
            )
        if record.finish is not None and record.finish.reason != "stop":
            self.broken(f"the reason is {record.finish.reason!r}", "tell 'stop'")

    def test_forced_ids_are_the_output(self) -> None:
        """Under `forced_ids` the output is those ids, whatever the model would say and whatever
        they spell, and its length is what ends it."""
        self.needs(Capability.FORCED_IDS)
        told = self.vocabulary
        ends = [told.tokens.index(end) for end in ENDS if told and end in told.tokens]
        forced = (*self.prompt(7, salt=3), *ends, *self.prompt(9, salt=5))
        request = self.request(tokens=len(forced), id="forced", forced_ids=forced)
        (record,) = self.measured(request)
        self.excuse(record)
        if record.failure is not None or record.token_ids != forced:
            said = record.failure.message if record.failure else f"the output is {record.token_ids}"
            self.broken(
                f"asked were {forced}: {said}",
                "feed each id at the moment the model would have chosen, stop at none of them",
            )
        if record.finish is not None and record.finish.reason != "length":
            self.broken(f"the reason is {record.finish.reason!r}", "tell 'length'")

    def test_text_is_what_the_ids_spell(self) -> None:
        """Where chunks carry text, it is made of the bytes of their ids, in order."""
        (record,) = self.answered(self.request())
        if record.text is None:
            pytest.skip(f"{self.spec.name} sends no text")
        if record.token_ids is None:
            (again,) = self.answered(self.request())
            if again.text != record.text:
                self.broken(f"one prompt gave {record.text!r}, then {again.text!r}", "be greedy")
            return
        told = self.vocabulary
        if told is None:
            pytest.skip(f"the session of {self.spec.name} cannot tell its vocabulary")
        tokens = [told.tokens[token] or b"" for token in record.token_ids]
        if not spells(tokens, record.text):
            self.broken(
                f"the ids spell {b''.join(tokens)!r} and the text is {record.text!r}",
                "send the text of the same tokens, or none",
            )

    def test_tokenize_gives_the_text_and_nothing_more(self) -> None:
        """`tokenize` adds no special tokens, and the bytes of its ids are the text's."""
        told = self._alive(lambda: self.bench.tokenize("", *TEXTS))
        if told is None:
            pytest.skip(f"the session of {self.spec.name} does not tokenize")
        empty, *rest = told
        if empty:
            self.broken(f"the empty text became {empty}", "add no BOS and no EOS")
        if (vocabulary := self.vocabulary) is None:
            return
        for text, ids in zip(TEXTS, rest, strict=True):
            bytes_ = b"".join(vocabulary.tokens[token] or b"" for token in ids)
            if bytes_ not in (text.encode(), b" " + text.encode()):
                self.broken(
                    f"{text!r} became {ids}, which spell {bytes_!r}",
                    "add nothing in tokenize(), and let vocabulary() tell each id's own bytes",
                )

    def test_refused_requests_cost_nothing_else(self) -> None:
        """A request that cannot be served raises RequestError, at once or in mid-stream; it is
        never cut short in silence, and the session goes on as if it had not been."""
        before = output(self.answered(self.request())[0])
        capacity = self._alive(lambda: self.bench.ready).loaded.context_tokens.value
        bad = [
            ("an id that no vocabulary has", self.request(9, 4, prompt_ids=(1, 2, 2**31 - 1))),
            ("a negative id", self.request(9, 4, prompt_ids=(1, -1, 2))),
        ]
        if capacity is not None and capacity <= 2**14:
            over = self.request(capacity + 1, 1)
            late = self.request(9, capacity - 8)
            bad.append((f"a prompt of {capacity + 1} tokens", over))
            bad.append((f"9 prompt and {capacity - 8} output tokens", late))
        for what, request in bad:
            (record,) = self.measured(request)
            whole = len(record.token_ids or ()) == request.max_tokens
            fits = len(request.prompt_ids) <= (capacity or 0)
            ran_whole = record.failure is None and whole and fits and min(request.prompt_ids) >= 0
            if not ran_whole and (record.failure is None or record.failure.kind != "request"):
                got = record.failure.message if record.failure else "an answer as if all were well"
                self.broken(
                    f"{what} (the context holds {capacity}) gave {got}",
                    "raise RequestError with what was found and what is allowed",
                )
            (after,) = self.answered(self.request())
            if output(after) != before:
                self.broken(
                    f"after {what} the same request gives {output(after)} instead of {before}",
                    "leave nothing of a failed request behind",
                )


def miscounted(record: Record) -> bool:
    """Whether one of `Checks.shapes` gave ids, and not as many as were asked for."""
    return record.token_ids is not None and len(record.token_ids) != shape(record)[1]


def unstreamed(record: Record) -> str | None:
    """Why the stamps of a long request cannot be those of a stream; None where they can."""
    stamps = record.stamps_ns
    if len(stamps) < 2:
        return f"{LONG} tokens came in {len(stamps)} chunk(s)"
    spread = (stamps[-1] - stamps[0]) / stamps[-1]
    if spread < LEAST_SPREAD:
        return (
            f"the first of {len(stamps)} chunks came when {1 - spread:.0%} of the request's "
            f"{stamps[-1] / 1e6:.1f} ms had passed"
        )
    gaps = [later - earlier for earlier, later in pairwise(stamps)]
    short = sum(gap < SHORT_GAP * mean(gaps) for gap in gaps)
    if short > MOST_GAPS * len(gaps):
        return (
            f"{short} of {len(gaps)} gaps between chunks are under a tenth of the mean, "
            f"{mean(gaps) / 1e6:.2f} ms: they come in bursts"
        )
    return None


def spells(tokens: list[bytes], text: str) -> bool:
    """Whether the text is that of the tokens; of some whole tokens, nothing may have been sent."""
    if b"".join(tokens).decode("utf-8", "replace") == text:
        return True
    sent = text.encode()
    reached = {0}
    for token in tokens:
        reached |= {place + len(token) for place in reached if sent.startswith(token, place)}
    return len(sent) in reached
