"""What is said of a server that answers with anything but an answer."""

from __future__ import annotations

import pytest

from crossbench_openai.refusal import QUOTED, Refusal, said

BUSY = b'{"error": {"message": "overloaded"}}'


@pytest.mark.parametrize(
    ("status", "headers", "content", "told"),
    [
        (429, {}, BUSY, "429: overloaded; it has more to do than it allows, and a timed request"),
        (429, {"retry-after": "7"}, BUSY, "never sent twice; it asks to wait 7 s"),
        (503, {}, b"", "503: nothing; it is not ready, or has too much to do"),
        (500, {"retry-after": "1"}, b"x", "500: x; it is busy; it asks to wait 1 s"),
        (
            302,
            {"location": "https://other.example/v1?key=k"},
            b"",
            "points to https://other.example/v1;",
        ),
        (307, {"location": "/login"}, b"", "points to itself; redirects are not followed"),
        (308, {}, b"", "points to itself; redirects are not followed"),
        (301, {"location": "http://[::1/x"}, b"", "points to an address that is none"),
        (401, {}, BUSY, "401: overloaded; name the variable of its key in api_key_env"),
    ],
)
def test_a_status_is_told_with_what_to_do(
    status: int, headers: dict[str, str], content: bytes, told: str
) -> None:
    refusal = Refusal(status, headers, content)
    assert told in str(refusal)
    assert refusal.status == status
    assert "key=k" not in str(refusal)


def test_words_are_bounded_and_hold_no_key() -> None:
    assert said(b"the key s3cret is wrong", "s3cret") == "the key *** is wrong"
    assert len(said(b"x" * 10_000)) == QUOTED + 3
    assert said(b'{"detail": "a\\n\\n  b"}') == "a b"
    assert said(b"\xff\xfe") == "\ufffd\ufffd"
