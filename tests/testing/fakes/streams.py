"""Fake engines whose streams break one promise each, and one that streams text only."""

from __future__ import annotations

from collections.abc import Generator

from msgspec.structs import replace

from crossbench.api import (
    Chunk,
    EngineError,
    Finish,
    Generation,
    Request,
    RequestError,
)
from tests.testing.fakes import model
from tests.testing.fakes.engine import Fake, Reason


class OneTooMany(Fake):
    """Counts from the token after the first."""

    def tokens(self, request: Request) -> Generator[Chunk, None, None]:
        more = 0 if request.forced_ids else 1
        return super().tokens(replace(request, max_tokens=request.max_tokens + more))


class EndsAtEndOfText(Fake):
    """Stops where the model ends its turn, whatever was asked."""

    def reason(self, request: Request, number: int, token: int) -> Reason | None:
        ended = token == model.EOS and not request.forced_ids
        return "length" if ended else super().reason(request, number, token)


class RefusesTheLastToken(Fake):
    """Does not fill the context that was asked for."""

    def check(self, request: Request) -> None:
        super().check(request)
        if len(request.prompt_ids) + request.max_tokens == self.needs.context_tokens:
            raise RequestError("the context is full")


class TwoFinishes(Fake):
    """Sends a chunk after the last."""

    def tokens(self, request: Request) -> Generator[Chunk, None, None]:
        yield from super().tokens(request)
        yield Chunk((), finish=Finish(reason="length", cached_prompt_tokens=0))


class NoFinish(Fake):
    """Forgets the finish."""

    def tokens(self, request: Request) -> Generator[Chunk, None, None]:
        for chunk in super().tokens(request):
            yield Chunk(chunk.token_ids, chunk.text)


class WrongReason(Fake):
    """Says "stop" of an output that `max_tokens` ended."""

    def reason(self, request: Request, number: int, token: int) -> Reason | None:
        reason = super().reason(request, number, token)
        return "stop" if reason and not request.forced_ids else reason


class Buffers(Fake):
    """Collects all and yields at the end."""

    def tokens(self, request: Request) -> Generator[Chunk, None, None]:
        yield from list(super().tokens(request))


class Bursts(Fake):
    """Yields sixteen tokens at a time, as if they had come one by one."""

    def tokens(self, request: Request) -> Generator[Chunk, None, None]:
        held: list[Chunk] = []
        for chunk in super().tokens(request):
            held.append(chunk)
            if len(held) == 16 or chunk.finish:
                yield from held
                held.clear()


class IgnoresStopIds(Fake):
    """Goes on."""

    def reason(self, request: Request, number: int, token: int) -> Reason | None:
        return "length" if number == request.max_tokens - 1 else None


class ForcedIdsEndToo(Fake):
    """Lets a forced end-of-text end the output."""

    def reason(self, request: Request, number: int, token: int) -> Reason | None:
        ended = token == model.EOS and request.forced_ids
        return "length" if ended else super().reason(request, number, token)


class OtherText(Fake):
    """Sends the text of the next id."""

    def text(self, token: int) -> str | None:
        return super().text((token + 1) % 256)


class AddsBos(Fake):
    """Puts BOS in front where it tokenizes."""

    async def tokenize(self, text: str) -> list[int]:
        return [model.BOS, *await super().tokenize(text)]


class DiesOfARefusal(Fake):
    """Ends the launch over a request that is too long."""

    def check(self, request: Request) -> None:
        if len(request.prompt_ids) > self.needs.context_tokens:
            raise EngineError("the context is too small")
        super().check(request)


class TakesAnyId(Fake):
    """Computes something for ids that no vocabulary has."""

    def check(self, request: Request) -> None:
        if min(request.prompt_ids) >= 0:
            super().check(request)


class CutsShort(Fake):
    """Stops where the context is full, as if that were what was asked."""

    def generate(self, request: Request) -> Generation:
        room = self.needs.context_tokens - len(request.prompt_ids)
        return super().generate(replace(request, max_tokens=min(request.max_tokens, max(room, 1))))


class TextOnly(Fake):
    """No defect: an engine that streams text and can do nothing besides."""

    score = None  # type: ignore[assignment]

    def tokens(self, request: Request) -> Generator[Chunk, None, None]:
        for chunk in super().tokens(request):
            yield replace(chunk, token_ids=None, tokens=self.counted(chunk))

    def counted(self, chunk: Chunk) -> int | None:
        return len(chunk.token_ids or ())

    def generate(self, request: Request) -> Generation:
        self.check(request)
        return self.tokens(request)

    def prefill(self, ids: tuple[int, ...]) -> tuple[int, int | None]:
        return super().prefill(ids)[0], None


class CountsNothing(TextOnly):
    """Leaves the number of its tokens to be guessed."""

    def counted(self, chunk: Chunk) -> int | None:
        return None


class CountsTwice(TextOnly):
    """Says something else at the end than on the way."""

    def tokens(self, request: Request) -> Generator[Chunk, None, None]:
        for chunk in super().tokens(request):
            told = chunk.finish and replace(chunk.finish, output_tokens=2 * request.max_tokens)
            yield replace(chunk, finish=told)
