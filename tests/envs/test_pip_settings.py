from __future__ import annotations

import os
from pathlib import Path

import pytest

from crossbench.envs.pip_settings import pip_settings, uv_settings
from crossbench.errors import InputError


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    """A user with an empty home, on a machine whose root is `tmp_path`."""
    return {"HOME": str(tmp_path / "home"), "VIRTUAL_ENV": str(tmp_path / "venv")}


@pytest.mark.parametrize(
    ("pip", "uv"),
    [
        ({"PIP_INDEX_URL": "https://m.test/s"}, {"UV_DEFAULT_INDEX": "https://m.test/s"}),
        (
            {"PIP_EXTRA_INDEX_URL": "https://a.test/s\n https://b.test/s"},
            {
                "UV_INDEX": "https://a.test/s https://b.test/s",
                "UV_INDEX_STRATEGY": "unsafe-best-match",
            },
        ),
        (
            {"PIP_EXTRA_INDEX_URL": "https://a.test/s", "UV_INDEX_STRATEGY": "first-index"},
            {"UV_INDEX": "https://a.test/s"},
        ),
        ({"PIP_FIND_LINKS": "/a https://b.test/w"}, {"UV_FIND_LINKS": "/a,https://b.test/w"}),
        ({"PIP_FIND_LINKS": "/a,b"}, {"UV_FIND_LINKS": "file:///a%2Cb"}),
        ({"PIP_FIND_LINKS": "w"}, {"UV_FIND_LINKS": str(Path("w").absolute())}),
        ({"PIP_CERT": "/c.pem"}, {"SSL_CERT_FILE": "/c.pem"}),
        ({"PIP_CLIENT_CERT": "/c.pem"}, {"SSL_CLIENT_CERT": "/c.pem"}),
        ({"PIP_TRUSTED_HOST": "a.test  b.test"}, {"UV_INSECURE_HOST": "a.test b.test"}),
        ({"PIP_PROXY": "http://p.test:1"}, {"ALL_PROXY": "http://p.test:1"}),
        ({"PIP_DEFAULT_TIMEOUT": "180"}, {"UV_HTTP_TIMEOUT": "180"}),
        ({"PIP_INDEX_URL": " "}, {}),
        ({"PIP_INDEX_URL": "https://p.test", "UV_DEFAULT_INDEX": "https://u.test"}, {}),
        ({"PIP_INDEX_URL": "https://p.test", "UV_INDEX_URL": "https://u.test"}, {}),
        ({"PIP_EXTRA_INDEX_URL": "https://p.test", "UV_EXTRA_INDEX_URL": "https://u.test"}, {}),
        ({"PIP_FIND_LINKS": "/a", "UV_FIND_LINKS": "/b"}, {}),
        ({"PIP_CERT": "/c.pem", "SSL_CERT_FILE": "/d.pem"}, {}),
        ({"PIP_CERT": "/c.pem", "SSL_CERT_DIR": "/d"}, {}),
        ({"PIP_PROXY": "http://p.test:1", "https_proxy": "http://q.test"}, {}),
    ],
)
def test_pips_variables_reach_uv_unless_uv_has_its_own(
    tmp_path: Path, base: dict[str, str], pip: dict[str, str], uv: dict[str, str]
) -> None:
    assert uv_settings(base | pip, root=tmp_path).environment == uv


def test_no_index_becomes_an_argument_because_uv_has_no_variable_for_it(
    tmp_path: Path, base: dict[str, str]
) -> None:
    said = {"PIP_NO_INDEX": "yes"}

    assert uv_settings(base | said, root=tmp_path).arguments == ("--no-index",)
    assert uv_settings(base | {"PIP_NO_INDEX": "0"}, root=tmp_path).arguments == ()
    own = base | said | {"UV_INDEX": "https://u.test"}
    assert uv_settings(own, root=tmp_path).arguments == ()


def test_files_win_in_pips_order(tmp_path: Path, base: dict[str, str]) -> None:
    home = tmp_path / "home"
    explicit = tmp_path / "explicit.conf"
    ordered = [
        tmp_path / "etc/xdg/pip/pip.conf",
        tmp_path / "etc/pip.conf",
        home / ".pip/pip.conf",
        home / ".config/pip/pip.conf",
        tmp_path / "venv/pip.conf",
        explicit,
    ]
    environ = base | {"PIP_CONFIG_FILE": str(explicit)}
    for number, file in enumerate(ordered):
        write(file, f"[global]\nindex-url = https://{number}.test\n")
        assert pip_settings(environ, tmp_path)["index-url"] == f"https://{number}.test"

    write(ordered[0], "[install]\nindex_url = https://install.test\n")
    assert pip_settings(environ, tmp_path)["index-url"] == "https://install.test"
    environ["PIP_INDEX_URL"] = "https://variable.test"
    assert pip_settings(environ, tmp_path)["index-url"] == "https://variable.test"


def test_several_lines_of_a_file_are_several_indexes(tmp_path: Path, base: dict[str, str]) -> None:
    write(
        tmp_path / "etc/pip.conf",
        "[global]\nextra-index-url =\n    https://a.test/s\n    https://b.test/s\n",
    )

    found = uv_settings(base, root=tmp_path).environment

    assert found["UV_INDEX"] == "https://a.test/s https://b.test/s"


def test_an_empty_value_of_a_file_leaves_the_one_before(
    tmp_path: Path, base: dict[str, str]
) -> None:
    write(tmp_path / "etc/pip.conf", "[global]\nindex-url = https://a.test\n")
    write(tmp_path / "home/.pip/pip.conf", "[global]\nindex-url =\n")

    assert pip_settings(base, tmp_path)["index-url"] == "https://a.test"


def test_the_first_of_several_system_folders_wins(tmp_path: Path, base: dict[str, str]) -> None:
    for name in ("one", "two"):
        write(tmp_path / name / "pip/pip.conf", f"[global]\nindex-url = https://{name}.test\n")
    folders = f"{tmp_path / 'one'}:{tmp_path / 'two'}"

    found = pip_settings(base | {"XDG_CONFIG_DIRS": folders}, tmp_path)

    assert found["index-url"] == "https://one.test"


def test_dev_null_switches_all_files_off(tmp_path: Path, base: dict[str, str]) -> None:
    write(tmp_path / "etc/pip.conf", "[global]\nindex-url = https://a.test\n")

    assert pip_settings(base | {"PIP_CONFIG_FILE": os.devnull}, tmp_path).keys() == {"config-file"}


def test_uvs_own_file_wins_over_pips(tmp_path: Path, base: dict[str, str]) -> None:
    write(tmp_path / "etc/pip.conf", "[global]\nindex-url = https://a.test\nfind-links = /links\n")
    write(tmp_path / "home/.config/uv/uv.toml", '[pip]\nindex-url = "https://u.test"\n')

    found = uv_settings(base, root=tmp_path).environment

    assert found == {"UV_FIND_LINKS": "/links"}


def test_unreadable_file_is_named(tmp_path: Path, base: dict[str, str]) -> None:
    write(tmp_path / "etc/pip.conf", "index-url = https://a.test\n")

    with pytest.raises(InputError, match=r"etc/pip.conf: pip's settings cannot be read .*section"):
        uv_settings(base, root=tmp_path)
