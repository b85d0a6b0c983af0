"""Thermal pressure as macOS tells it to anybody: a state that is kept by notify(3).

Name and levels are those of Apple's <libkern/OSThermalNotification.h>, the calls those of
<notify.h>. No Mac has run this; the tests call a library of their own with the same functions.
"""

from __future__ import annotations

import ctypes

LIBRARY = "/usr/lib/libSystem.B.dylib"
NAME = b"com.apple.system.thermalpressurelevel"
NOMINAL = "nominal"
LEVELS = (NOMINAL, "moderate", "heavy", "trapping", "sleeping")
DONE = 0


class Untold(Exception):
    """The system tells no thermal pressure; the message says why."""


class Pressure:
    """The state, from when it is opened until it is closed."""

    def __init__(self) -> None:
        """Raises Untold, as everywhere but on macOS."""
        try:
            self._library = ctypes.CDLL(LIBRARY)
            self._state = self._library.notify_get_state
            register = self._library.notify_register_check
        except (OSError, AttributeError) as error:
            raise Untold("only macOS tells thermal pressure") from error
        register.argtypes = [ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)]
        register.restype = self._state.restype = ctypes.c_uint32
        self._state.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_uint64)]
        self._token = ctypes.c_int()
        if (status := register(NAME, ctypes.byref(self._token))) != DONE:
            raise Untold(f"notify(3) knows no thermal pressure (status {status})")

    def level(self) -> int:
        """The place in LEVELS, or a higher number that no header names. Raises Untold."""
        level = ctypes.c_uint64()
        if (status := self._state(self._token, ctypes.byref(level))) != DONE:
            raise Untold(f"notify(3) does not tell thermal pressure (status {status})")
        return level.value

    def close(self) -> None:
        """Let go of it."""
        self._library.notify_cancel(self._token)


def named(level: int) -> str:
    """A level in a word."""
    return LEVELS[level] if 0 <= level < len(LEVELS) else f"level {level}"


def now() -> str:
    """The level now, in a word. Raises Untold."""
    pressure = Pressure()
    try:
        return named(pressure.level())
    finally:
        pressure.close()
