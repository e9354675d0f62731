"""Open files that others may be changing: regular ones only, without waiting, and if wanted without links."""

from __future__ import annotations

import errno
import os
import stat
import sys
from io import BufferedReader
from pathlib import Path

from docent.errors import UnreadableFile
from docent.messages import Message

SORTS = {
    stat.S_IFIFO: Message("a named pipe"),
    stat.S_IFSOCK: Message("a socket"),
    stat.S_IFCHR: Message("a device"),
    stat.S_IFBLK: Message("a device"),
    stat.S_IFLNK: Message("a link that leads nowhere"),
}
READ = os.O_RDONLY | os.O_NONBLOCK  # opening a pipe would wait until somebody writes to it


def not_regular(name: str, mode: int) -> UnreadableFile:
    """Return the error for a path that is neither a regular file nor a folder."""
    what = SORTS.get(stat.S_IFMT(mode), Message("something else"))
    return UnreadableFile(
        "{name} is not a regular file but {what}, so there is nothing to read. Remove it, or put a "
        "document in its place.",
        name=name,
        what=what,
    )


def open_regular(path: Path, *, links: bool) -> BufferedReader:
    """Open a file for reading; without `links`, no part of its path may be a symbolic link.

    Raises UnreadableFile for a pipe or a device, and OSError.
    """
    handle = os.open(path, READ) if links else _open_unlinked(path)
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise not_regular(path.name, mode)


def _open_unlinked(path: Path) -> int:
    """Open folder by folder: a check before would say nothing of the moment in which the file is opened."""
    if sys.platform == "darwin":
        return os.open(path, READ | os.O_NOFOLLOW_ANY)
    folder = os.open(path.anchor, os.O_PATH)
    try:
        for part in path.parts[1:-1]:
            below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(path.name, READ | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)
