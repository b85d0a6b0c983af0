"""Thermal pressure by notify(3): the real calls, into a library that stands for macOS's."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import pytest

from crossbench.api import Channel, ProbeAbsent
from crossbench.machine import apple, pressure
from crossbench.machine.pressure import Untold
from crossbench.machine.probes.pressure import PressureProbe
from tests.machine.stand_in import compiled

SOURCE = Path(__file__).with_name("notify.c")
Say = Callable[[object], None]


@pytest.fixture(scope="session")
def notify(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled library."""
    try:
        return compiled(SOURCE, tmp_path_factory.mktemp("notify") / "libSystem.B.dylib")
    except FileNotFoundError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def say(notify: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """What the library tells from now on."""
    file = tmp_path / "pressure"
    monkeypatch.setattr(pressure, "LIBRARY", str(notify))
    monkeypatch.setenv("CROSSBENCH_TEST_PRESSURE", str(file))

    def said(word: object) -> None:
        file.write_text(f"{word}\n")

    said(0)
    return said


def test_the_pressure_is_read_as_it_rises(say: Say, notify: Path) -> None:
    probe = PressureProbe()
    assert probe.open() == [
        Channel(device="host", quantity="thermal_pressure", unit="", kind="gauge")
    ]
    assert probe.read() == [0.0]
    say(2)
    assert probe.read() == [2.0]
    say("break")
    assert probe.read() == [None]
    probe.close()
    assert ctypes.CDLL(str(notify)).open_now() == 0


@pytest.mark.parametrize(("level", "word"), [(0, "nominal"), (3, "trapping"), (30, "level 30")])
def test_levels_have_words(say: Say, notify: Path, level: int, word: str) -> None:
    say(level)
    assert pressure.now() == word
    assert apple.observe().thermal_pressure.value == word
    assert ctypes.CDLL(str(notify)).open_now() == 0


@pytest.mark.parametrize("word", ["refuse", "break"])
def test_a_mac_that_does_not_tell_has_a_reason(say: Say, word: str) -> None:
    say(word)
    with pytest.raises(Untold, match=r"notify\(3\) .* \(status \d+\)"):
        pressure.now()
    with pytest.raises(ProbeAbsent, match=r"notify\(3\)"):
        PressureProbe().open()
    assert "notify(3)" in (apple.observe().thermal_pressure.reason or "")


def test_elsewhere_nobody_tells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for library in (tmp_path / "none.dylib", "libc.so.6"):
        monkeypatch.setattr(pressure, "LIBRARY", str(library))
        with pytest.raises(ProbeAbsent, match="only macOS tells thermal pressure"):
            PressureProbe().open()
