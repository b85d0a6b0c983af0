"""pip's own settings in uv's words, because uv reads none of them.

Whoever reaches packages only through a mirror, a folder or a private certificate has told pip so.
What the user has set for uv itself always wins. Facts: pip's "Configuration" page for files and
their order, uv's "Environment variables" page for the names and separators.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tomli
from msgspec import Struct

from crossbench.errors import InputError


class UvSettings(Struct, frozen=True):
    """What uv is given on top of the process's own environment."""

    environment: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    """For what uv takes only on its command line."""


class _Rule(Struct, frozen=True):
    """One setting of pip, uv's variable for it, and what counts as uv's own setting."""

    pip: str
    uv: str
    variables: tuple[str, ...]
    """Environment variables that mean the user has told uv."""
    keys: tuple[str, ...]
    """Keys of a uv.toml that mean the same."""
    translate: Callable[[str], str]


def _words(value: str) -> str:
    return " ".join(value.split())


def _links(value: str) -> str:
    """Comma-separated, as uv wants them; a comma inside a location is percent-encoded."""
    return ",".join(_link(link) for link in value.split())


def _link(link: str) -> str:
    if "://" in link:
        return link.replace(",", "%2C")
    path = Path(link).expanduser().absolute()
    return path.as_uri() if "," in link else str(path)


def _path(value: str) -> str:
    return str(Path(value).expanduser().absolute())


def _whole(value: str) -> str:
    return str(max(1, round(float(value))))


INDEXES = ("UV_INDEX", "UV_EXTRA_INDEX_URL")
DEFAULT_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS")
PROXIES = ("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy")

RULES = (
    _Rule("index-url", "UV_DEFAULT_INDEX", DEFAULT_INDEX, ("index-url", "index"), str.strip),
    _Rule("extra-index-url", "UV_INDEX", INDEXES, ("extra-index-url", "index"), _words),
    _Rule("find-links", "UV_FIND_LINKS", ("UV_FIND_LINKS",), ("find-links",), _links),
    _Rule(
        "trusted-host", "UV_INSECURE_HOST", ("UV_INSECURE_HOST",), ("allow-insecure-host",), _words
    ),
    _Rule("cert", "SSL_CERT_FILE", CERTIFICATES, ("system-certs", "native-tls"), _path),
    _Rule("client-cert", "SSL_CLIENT_CERT", ("SSL_CLIENT_CERT",), (), _path),
    _Rule("proxy", "ALL_PROXY", PROXIES, (), str.strip),
    _Rule("timeout", "UV_HTTP_TIMEOUT", ("UV_HTTP_TIMEOUT",), (), _whole),
)


def uv_settings(environ: Mapping[str, str], *, root: Path = Path("/")) -> UvSettings:
    """uv's equivalents of pip's settings, for those the user has not set for uv.

    With extra indexes, uv would stop at the first index that knows a package; pip takes the best
    version of all. As the indexes are pip's, so is the strategy (`unsafe-best-match`), unless
    UV_INDEX_STRATEGY says otherwise. Raises InputError for a configuration file that pip could
    not read either.
    """
    pip = pip_settings(environ, root)
    told = _uv_file_keys(environ, root)
    found: dict[str, str] = {}
    for rule in RULES:
        given = any(environ.get(name) for name in rule.variables) or not told.isdisjoint(rule.keys)
        if rule.pip in pip and not given:
            found[rule.uv] = rule.translate(pip[rule.pip])
    if (
        "UV_INDEX" in found
        and not environ.get("UV_INDEX_STRATEGY")
        and "index-strategy" not in told
    ):
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    has_index = any(environ.get(name) for name in INDEXES + DEFAULT_INDEX)
    if (
        _is_true(pip.get("no-index", ""))
        and not has_index
        and told.isdisjoint(("index", "no-index"))
    ):
        return UvSettings(found, ("--no-index",))
    return UvSettings(found)


def pip_settings(environ: Mapping[str, str], root: Path = Path("/")) -> dict[str, str]:
    """pip's settings as `pip install` sees them: files, then its section, then the environment."""
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for file in _pip_files(environ, root):
        parser = _parse(file)
        for section in sections:
            if parser.has_section(section):
                sections[section] |= {
                    _option(key): value for key, value in parser.items(section) if value.strip()
                }
    variables = {
        _option(name.removeprefix("PIP_")): value
        for name, value in environ.items()
        if name.startswith("PIP_") and value.strip()
    }
    return sections["global"] | sections["install"] | variables


def _option(key: str) -> str:
    return key.lower().replace("_", "-").removeprefix("--").removeprefix("default-")


def _pip_files(environ: Mapping[str, str], root: Path) -> Iterator[Path]:
    """pip's configuration files that exist, those that win last."""
    explicit = environ.get("PIP_CONFIG_FILE")
    if explicit == os.devnull:
        return
    home = Path(environ.get("HOME") or Path.home())
    candidates = [
        *(Path(folder) / "pip/pip.conf" for folder in _config_folders(environ, root)),
        root / "etc/pip.conf",
        root / "Library/Application Support/pip/pip.conf",
        home / ".pip/pip.conf",
        _user_folder(environ, home) / "pip/pip.conf",
        home / "Library/Application Support/pip/pip.conf",
        Path(environ.get("VIRTUAL_ENV") or sys.prefix) / "pip.conf",
    ]
    if explicit:
        candidates.append(Path(explicit))
    yield from (file for file in candidates if file.is_file())


def _config_folders(environ: Mapping[str, str], root: Path) -> list[Path]:
    """System-wide configuration folders, the most important last."""
    listed = environ.get("XDG_CONFIG_DIRS")
    folders = [Path(part) for part in listed.split(":") if part] if listed else [root / "etc/xdg"]
    return folders[::-1]


def _user_folder(environ: Mapping[str, str], home: Path) -> Path:
    return Path(environ.get("XDG_CONFIG_HOME") or home / ".config")


def _parse(file: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text(encoding="utf-8"), source=str(file))
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{file}: pip's settings cannot be read ({reason}); correct the file, "
            f"or set PIP_CONFIG_FILE={os.devnull} to ignore it"
        ) from None
    return parser


def _uv_file_keys(environ: Mapping[str, str], root: Path) -> frozenset[str]:
    """Keys that uv's own configuration files set; uv itself reports what is wrong in them."""
    if environ.get("UV_NO_CONFIG"):
        return frozenset()
    home = Path(environ.get("HOME") or Path.home())
    files = [_user_folder(environ, home) / "uv/uv.toml"]
    files += [folder / "uv/uv.toml" for folder in _config_folders(environ, root)]
    files.append(root / "etc/uv/uv.toml")
    if explicit := environ.get("UV_CONFIG_FILE"):
        files = [Path(explicit)]
    keys: set[str] = set()
    for file in files:
        try:
            table: dict[str, Any] = tomli.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomli.TOMLDecodeError):
            continue
        keys |= set(table) | set(table.get("pip", {}))
    return frozenset(keys)


def _is_true(value: str) -> bool:
    return value.strip().lower() in ("1", "y", "yes", "t", "true", "on")
