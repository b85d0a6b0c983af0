"""What a hub says a repository holds."""

from __future__ import annotations

from msgspec import Struct

SHA256_HEX = 64


class RemoteFile(Struct, frozen=True):
    """A file as the hub lists it."""

    name: str
    bytes: int
    etag: str
    """Hex SHA-256 of a large file, git's object id of a small one."""

    @property
    def large(self) -> bool:
        """Whether it is kept by content rather than in git itself."""
        return len(self.etag) == SHA256_HEX


class Listing(Struct, frozen=True):
    """A repository at a commit."""

    commit: str
    files: tuple[RemoteFile, ...]
    gated: bool

    def of(self, names: tuple[str, ...]) -> tuple[RemoteFile, ...]:
        """The files of these names, in their order."""
        by_name = {file.name: file for file in self.files}
        return tuple(by_name[name] for name in names)
