"""The bytes of one file, read once: hashed while they are read, and never looked at again on disk."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from docent.errors import HarmfulFile, OutOfReach, UnreadableFile
from docent.regular_files import open_regular

BLOCK = 1 << 20
IN_MEMORY = 32 << 20  # larger files are parsed from a private copy, so that four workers stay small


@dataclass(frozen=True, slots=True)
class Source:
    """A file's bytes as they were at one moment."""

    name: str
    sha256: str
    size: int
    suffix: str
    """In lower case, with its dot."""
    head: bytes
    """The first 64 kB."""
    stream: IO[bytes]
    """All of them, seekable; in memory when small."""

    def whole(self) -> bytes:
        self.stream.seek(0)
        return self.stream.read()


def read_source(path: Path, *, largest: int) -> Source:
    """Read and hash a file. Raises UnreadableFile and HarmfulFile with the reason."""
    digest, size, head = hashlib.sha256(), 0, b""
    copy = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # lives as long as the Source
    try:
        with open_regular(path, links=True) as file:
            while block := file.read(BLOCK):
                size += len(block)
                if size > largest:
                    raise HarmfulFile(
                        f"{path.name} is larger than {largest / 1e6:.0f} MB, the most that is read. "
                        "Split it, or raise DOCENT_MAX_FILE_MB."
                    )
                head = head or block[:65536]
                digest.update(block)
                with _writing(copy, path.name):
                    copy.write(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    if size == 0:
        raise UnreadableFile(
            f"{path.name} is empty (0 bytes), so there is nothing to read. "
            "Copy or download it again, or remove it."
        )
    with _writing(copy, path.name):
        copy.seek(0)  # writes the rest
    return Source(path.name, digest.hexdigest(), size, path.suffix.lower(), head, copy)


@contextmanager
def _writing(copy: IO[bytes], name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        with suppress(OSError):  # what is still to be written has no room now either
            copy.close()
        raise OutOfReach(
            f"{name} was not read: a file so large is read from a copy, and none could be written to the "
            f"folder for temporary files ({error.strerror or error}). Make room there, or name another "
            "folder in TMPDIR, and try again."
        ) from error


def _unreadable(path: Path, error: OSError) -> UnreadableFile:
    match error:
        case FileNotFoundError():
            return UnreadableFile(
                f"{path.name} is no longer there: it was moved or deleted. Put it back, or ingest again."
            )
        case PermissionError():
            return OutOfReach(
                f"{path.name} may not be read by this user (permission denied). Run: chmod u+r on the file."
            )
        case IsADirectoryError():
            return UnreadableFile(
                f"{path.name} is a folder, not a file. Name the files in it, or ingest the folder."
            )
        case _:
            return OutOfReach(
                f"{path.name} could not be read from disk ({error.strerror or error}). "
                "Check the disk or the connection to it, and try again."
            )
