"""Every suite in `bad/` says in its first lines what crossbench must say of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbench.errors import InputError, SuiteError
from crossbench.suite.load import load

BAD = Path(__file__).parent / "bad"
EXPECT = "# expect: "
SUITES = sorted(path.name for path in BAD.glob("*.toml"))


def expected(suite: str) -> list[str]:
    lines = (BAD / suite).read_text().splitlines()
    return [line.removeprefix(EXPECT) for line in lines if line.startswith(EXPECT)]


def messages(path: Path) -> list[str]:
    with pytest.raises(SuiteError) as caught:
        load(path)
    assert str(caught.value).splitlines() == [str(problem) for problem in caught.value.problems]
    return [str(problem) for problem in caught.value.problems]


def test_there_are_many_bad_suites_and_each_says_what_to_expect() -> None:
    assert len(SUITES) >= 40
    assert all(expected(suite) for suite in SUITES)


@pytest.mark.parametrize("suite", SUITES)
def test_a_bad_suite_gives_exactly_the_messages_it_names(
    suite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BAD)
    assert messages(Path(suite)) == expected(suite)


def test_a_problem_names_the_file_as_the_user_wrote_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD.parent)
    prompts, *_ = messages(Path("bad/prompt-file-invalid.toml"))
    assert prompts.startswith("bad/files/invalid-prompts.toml:5: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'name = "\xff"', "found a byte that is not UTF-8 in line 1; expected a file saved"),
        ('# \u00e9\nname = "x"'.encode("utf-16"), "found a byte that is not UTF-8 in line 1"),
        (b"\xef\xbb\xbfschema = 1", "found a byte order mark; expected UTF-8 saved without one"),
        (b"#" * (4 * 1024 * 1024 + 1), "found more than 4 MiB; expected a file of at most 4 MiB"),
    ],
    ids=["latin-1", "utf-16", "byte order mark", "too large"],
)
def test_a_file_that_is_no_text_is_refused_in_one_line(
    content: bytes, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "suite.toml"
    path.write_bytes(content)
    (message,) = messages(path)
    assert message.startswith(f"{path}: {said}")


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "suite.toml"
    path.write_bytes(b"#" * (4 * 1024 * 1024))
    assert "missing" in messages(path)[0]


def test_a_missing_file_a_directory_and_a_broken_path_are_refused(tmp_path: Path) -> None:
    assert messages(tmp_path) == [f"{tmp_path}: found a directory; expected a file"]
    missing = tmp_path / "none.toml"
    assert messages(missing) == [f"{missing}: found no such file; expected an existing file"]
    below_a_file = Path(__file__) / "suite.toml"
    assert "found no such file" in messages(below_a_file)[0]
    assert "found a path that no file can have" in messages(Path("a\0b"))[0]
    assert "cannot be read: File name too long" in messages(tmp_path / ("x" * 300))[0]


def test_problems_are_input_errors_that_carry_their_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(InputError) as caught:
        load(Path("choices.toml"))
    assert isinstance(caught.value, SuiteError)
    problem = caught.value.problems[-1]
    assert (problem.file, problem.key) == ("choices.toml", "protocol.profile")
    assert problem.line == 21
    assert problem.found == 'found "fast" (text)'
    assert problem.allowed == 'expected one of "default", "publish", "quick"'
