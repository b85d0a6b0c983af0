"""What nobody else is to read: names of host and user, paths, addresses, serials, keys.

Everything that is shown to others passes `Private.text`; nothing else takes anything away. What it
puts in the place of something says what stood there: `PATH/model.gguf`, `(user)`, `(serial)`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath, PureWindowsPath

LEAST_LETTERS = 2
"""A shorter name cannot be told from what it stands in."""
EVERYBODYS = frozenset(
    {
        *("admin", "administrator", "app", "container", "debian", "default", "docker", "ec2-user"),
        *("guest", "home", "localhost", "localhost.localdomain", "nobody", "none", "null"),
        *("public", "root", "runner", "shared", "test", "ubuntu", "user", "users", "vagrant"),
        "worker",
    }
)
"""Names of hosts and users that tell nothing of anybody."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-FHJKSTfmsu]")
"""Of a terminal; their last letter would stand before a name."""
_FILE = re.compile(r"file://(?=/)")
_POSIX = re.compile(r"(?:(?<![\w./<])|(?<=-[BILR]))~?(?:/[^\s/'\",;:()<>|`]+)+/?")
_WINDOWS = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]:\\+(?:[^\s\\/:*?\"<>|']+\\+)*[^\s\\/:*?\"<>|']*")
_WHOLE = re.compile(r"~?/[^\n:;,'\"()<>]+")
_QUOTED = re.compile(r"(['\"`])(~?/[^'\"`\n]+|[A-Za-z]:\\[^'\"`\n]+)\1")
"""A path in quotes may hold spaces."""
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_FROM, _TO = r"(?<![a-z0-9])", r"(?![a-z0-9])"
"""Ends of a word, of which an underscore is none."""
_ELSEWHERE = r"(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}"
_KEYS = "|".join(
    (
        r"hf_[a-z0-9]{16,}|sk-[a-z0-9_-]{16,}|gh[pousr]_[a-z0-9]{16,}|github_pat_\w{16,}",
        r"gl(?:pat|dt|rt|ptt|cbt|soat)-[\w-]{16,}|nvapi-[\w-]{16,}|gsk_[a-z0-9]{16,}|AKIA[0-9A-Z]{16}",
        r"AIza[\w-]{30,}|eyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?|bearer\s+[\w.~+/-]+=*",
        r"(?<=authorization:\s)basic\s+[\w+/-]+=*",
    )
)
_KEY_NAMES = r"(?:api|auth|access|hf|session)[_-]?(?:key|token)|password|passwd|secret"
_NAMED_KEY = (
    rf"((?:{_KEY_NAMES})(?:=|[\"']?:\s*[\"']?)|--(?:{_KEY_NAMES})\s+)"
    r"(?=[^\s\"'&,;]*\d)[^\s\"'&,;]{8,}"
)
"""What follows the name of a key: in an address, a command or JSON."""
_INSIDE = r"local|lan|internal|intranet|corp|localdomain|home|home\.arpa|ts\.net"
_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (rf"{_FROM}(?:{_KEYS})", "(key)"),
        (_NAMED_KEY, r"\1(key)"),
        (rf"{_FROM}(?:GPU|MIG)-[0-9a-f-]{{8,}}|{_FROM}{_UUID}{_TO}", "(UUID)"),
        (r"(?<=://)[^/\s@]+@", ""),
        (rf"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{{2,}}{_TO}", "(address)"),
        (rf"{_FROM}(?:[0-9a-f]{{2}}:){{5}}[0-9a-f]{{2}}{_TO}", "(address)"),
        (rf"(?<=://){_ELSEWHERE}", "(address)"),
        (r"(?<=://)\[(?!::1\])[0-9a-f:.]+(?:%\w+)?\]", "(address)"),
        (rf"(?<![\d.]){_ELSEWHERE}(?=:\d{{2,5}}{_TO})", "(address)"),
        (r"(?<![\d.])172\.(?:1[6-9]|2\d|3[01])\.\d{1,3}\.\d{1,3}(?![\d.])", "(address)"),
        (rf"({_FROM}(?:to|at|on|from|host|server|peer)\s+){_ELSEWHERE}", r"\1(address)"),
        (r"\[(?!::1\])(?=[0-9a-f]*:)[0-9a-f:.]+(?:%\w+)?\](?=:\d)", "(address)"),
        (rf"{_FROM}(?:fe80|f[cd][0-9a-f]{{2}}):[0-9a-f:]{{2,}}(?:%\w+)?", "(address)"),
        (r"(?<![\d.])192\.168\.\d{1,3}\.\d{1,3}", "(address)"),
        (rf"(?<=://)(?!localhost{_TO})[a-z0-9_-]+(?=[:/]|$)", "(host)"),
        (rf"{_FROM}[\w-]+(?:\.[\w-]+)*\.(?:{_INSIDE}){_TO}", "(host)"),
        (rf"{_FROM}(?:[\w-]+\.)*fritz\.box{_TO}", "(host)"),
        (
            rf"({_FROM}serial(?:[ _-]?(?:number|no))?[\"']?\s*[:=#]\s*[\"']?)[a-z0-9-]{{4,}}",
            r"\1(serial)",
        ),
    )
)
_SUSPECT = re.compile(
    r"[/\\@]|://|GPU-|MIG-|serial|hf_|sk-|gh[pousr]_|bearer|\.l(?:ocal|an)|\.in(?:ternal|tranet)"
    rf"|\.corp|\.home|\.net|\.box|\d\.\d+\.\d|:[0-9a-f]{{0,4}}:|(?:[0-9a-f]{{2}}:){{5}}|{_UUID}"
    r"|key|_token|-token|passw|secret|github_|gl[a-z]{2,4}-|nvapi|gsk_|AKIA|AIza|eyJ|basic",
    re.IGNORECASE,
)
"""Without any of these, and without a name, a text is as it was."""


class Private:
    """What is private of one run."""

    def __init__(
        self,
        names: Iterable[str] = (),
        *,
        homes: Iterable[str] = (),
        devices: Mapping[str, str] | None = None,
        prompts: Iterable[str] = (),
    ) -> None:
        """`names` of hosts and users, their `homes`, `devices` by UUID with what they are called
        instead, and texts of `prompts` that are not to be quoted."""
        told = {name for name in names if _telling(name)}
        self.names = tuple(sorted(told, key=lambda name: (-len(name), name)))
        self.homes = tuple(sorted({*map(_trimmed, homes)} - {"", "/"}, key=lambda h: (-len(h), h)))
        self.devices = dict(devices or {})
        spelled = {form for each in prompts if each.strip() for form in _spellings(each)}
        self._prompts = sorted(spelled, key=len, reverse=True)
        self._named = [_name(name) for name in self.names]
        self._homes = [re.compile(rf"{re.escape(home)}(?![^\W_])") for home in self.homes]
        self._seen: dict[str, str] = {}

    def text(self, text: str) -> str:
        """The same text without anything private; what was taken out once stays as it is."""
        known = self._seen.get(text)
        if known is None:
            known = self._without(text)
            if len(self._seen) < 100_000:
                self._seen[text] = known
        return known

    def leaves(self, text: str) -> bool:
        """Whether nothing of it is private."""
        return self.text(text) == text

    def left(self, data: bytes) -> str | None:
        """A home or name that these bytes still hold, or None."""
        text = data.decode("utf-8", "replace")
        for pattern in (*self._homes, *self._named):
            if found := pattern.search(text):
                return found[0]
        return None

    def _without(self, text: str) -> str:
        text = _COLOURS.sub("", text)
        for prompt in self._prompts:
            text = text.replace(prompt, "(prompt)")
        for uuid, name in self.devices.items():
            text = text.replace(uuid, name)
        if _SUSPECT.search(text):
            text = _placeless(text, self._homes)
            for rule, word in _RULES:
                text = rule.sub(word, text)
        for pattern in self._named:
            text = pattern.sub("(private)", text)
        return text


def _spellings(prompt: str) -> tuple[str, ...]:
    """As it is, and as JSON and Python quote it."""
    return prompt, json.dumps(prompt)[1:-1], repr(prompt)[1:-1]


def _placeless(text: str, homes: Iterable[re.Pattern[str]]) -> str:
    """Of each absolute path no more than its last name."""
    for home in homes:
        text = home.sub("~", text)
    if _WHOLE.fullmatch(text):
        return _last(text)
    text = _FILE.sub("", text)
    text = _QUOTED.sub(lambda found: f"{found[1]}{_last_of(found[2])}{found[1]}", text)
    text = _WINDOWS.sub(lambda found: f"PATH/{PureWindowsPath(found[0]).name}", text)
    return _POSIX.sub(lambda found: _last(found[0]), text)


def _last_of(path: str) -> str:
    return _last(path) if path[0] in "/~" else f"PATH/{PureWindowsPath(path).name}"


def _last(path: str) -> str:
    return f"PATH/{PurePosixPath(path).name}"


def _name(name: str) -> re.Pattern[str]:
    """As a word by itself, where it is one of letters only; a long one however it is written."""
    flags = re.IGNORECASE if len(name) > 4 else 0
    if not name.isalpha():
        return re.compile(re.escape(name), flags)
    before = r"(?:(?<![^\W_])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
    return re.compile(rf"{before}{re.escape(name)}(?![^\W_])", flags)


def _telling(name: str) -> bool:
    return (
        len(name) >= LEAST_LETTERS
        and name.lower() not in EVERYBODYS
        and not name.replace(".", "").isdigit()
    )


def _trimmed(home: str) -> str:
    return home.rstrip("/\\")
