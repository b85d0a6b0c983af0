"""What a terminal shows of a build and of a run; plain lines where there is no terminal.

It draws at most four times a second and only when the run calls it: a thread that redraws would
take time from the engine being measured.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.live import Live
from rich.text import Text

from crossbench.artifacts.sizes import spelled
from crossbench.journal.events import Role, SampleTaken
from crossbench.plan.time import Span
from crossbench.worker.protocol import FailureKind
from crossbench.worker.pulse import Beat, Phase

DRAW_EVERY_S = 0.25
RATE_WINDOW_S = 2.0
LINE_EVERY_S = 30.0
FAR = 1.6
"""An estimate whose upper end is more than so many times its lower one is told as a range."""
KINDS: Mapping[Role, str] = {
    "warmup": "warm-up",
    "timed": "repeat",
    "sentinel": "sentinel, repeat",
    "burn_in": "burn-in, repeat",
    "prefill": "energy of prefill, request",
    "decode": "energy of decode, request",
}


class TerminalDisplay:
    """Draws one status line below the messages that stay."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._left: Span | None = None
        self._told = 0.0
        self._began = time.monotonic()
        self._drawn = 0.0
        self._place = ""
        self._doing = ""
        self._beats: deque[tuple[float, int]] = deque()

    # Builds

    def started(self, text: str) -> None:
        """Something long begins."""
        self._say(text)

    def line(self, text: str) -> None:
        """One line of a build, shown while it is the newest."""
        self._status(Text(f"  {text}", style="dim", no_wrap=True, overflow="ellipsis"))

    def step(self, done: int, total: int) -> None:
        """Compile steps."""
        self._status(Text(f"  compiled {done} of {total}"), force=done == total)

    def finished(self, text: str) -> None:
        """It succeeded."""
        self._say(text)
        self._began = time.monotonic()

    # Runs

    def launching(self, launch: str, target: str, place: str) -> None:
        """A worker starts."""
        self._place = f"[{place}] {launch}"
        self._doing = "loading"
        self._beats.clear()
        self._say(self._place)

    def measuring(self, scenario: str, role: Role, repeat: int) -> None:
        """A request begins."""
        self._doing = f"{scenario}, {KINDS[role]} {repeat + 1}"

    def resting(self, seconds: float, celsius: float | None) -> None:
        """The machine cools down."""
        heat = f" at {celsius:.0f} \u00b0C" if celsius is not None else ""
        self._status(Text(f"  resting for {seconds:.0f} s so far{heat}{self._clock()}"))

    def expecting(self, left: Span | None) -> None:
        """What is left was estimated anew."""
        self._left, self._told = left, time.monotonic()

    def scoring(self, window: int, windows: int) -> None:
        """A window of the scoring set begins."""
        self._doing = f"scoring window {window} of {windows}"

    def beat(self, beat: Beat) -> None:
        """The worker lives."""
        now = time.monotonic()
        if beat.phase is not Phase.STREAMING:
            self._beats.clear()
        self._beats.append((now, beat.tokens))
        while now - self._beats[0][0] > RATE_WINDOW_S:
            self._beats.popleft()
        if now - self._drawn >= DRAW_EVERY_S:
            self._status(Text(f"{self._place}: {self._doing}{self._rate()}{self._clock()}"))

    def sampled(self, sample: SampleTaken) -> None:
        """A request has finished."""

    def failed(self, what: Sequence[str], kind: FailureKind, message: str) -> None:
        """Something could not be measured; nothing, where a worker was lost behind all of it."""
        self._say(f"  {', '.join(what) or 'a worker'} failed ({kind}): {message}", style="red")

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _rate(self) -> str:
        (first, before), (last, after) = self._beats[0], self._beats[-1]
        if last <= first or after <= before:
            return ""
        return f", {(after - before) / (last - first):,.0f} tok/s now"

    def _clock(self) -> str:
        now = time.monotonic()
        text = f", {_minutes(now - self._began)} elapsed"
        if self._left is not None:
            text += f", {remaining(self._left.less(now - self._told))}"
        return text

    def _status(self, text: Text, *, force: bool = False) -> None:
        now = time.monotonic()
        if self._console.is_terminal:
            if force or now - self._drawn >= DRAW_EVERY_S:
                self._drawn = now
                self._draw(text)
        elif force or now - self._drawn >= LINE_EVERY_S:
            self._drawn = now
            self._console.print(text)

    def _draw(self, text: Text) -> None:
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._live.update(text, refresh=True)

    def _say(self, text: str, style: str = "") -> None:
        if self._live is not None:
            self._live.update(Text(""))
        self._console.print(Text(text, style=style))


def remaining(left: Span) -> str:
    """`about 12 min left`; both ends where they are far apart."""
    if left.high <= FAR * left.low:
        return f"about {spelled(left.middle)} left"
    return f"{spelled(left.low)} to {spelled(left.high)} left"


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
