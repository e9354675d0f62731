"""Say in a sentence why a database of storage/ cannot be opened, such as a full or read-only disk."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docent.errors import StoreError
from docent.messages import Message

FULL = (errno.ENOSPC, errno.EDQUOT)
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Raise errors of opening or making a file of storage/ as a StoreError that says what to do."""
    try:
        yield
    except OSError as error:
        code, why = error.errno, error.strerror or str(error)
    except sqlite3.Error as error:
        code, why = _code(error, path.parent), str(error)
    else:
        return
    if code in FULL:
        why, remedy = Message("the disk is full"), Message("Free some space on it and start again.")
    elif code in READ_ONLY:
        why = (
            Message("the folder may not be written")
            if code != errno.EROFS
            else Message("its disk is read-only")
        )
        remedy = Message("Make it writable for this user, or name another folder with DOCENT_STORAGE.")
    elif code == errno.EBUSY:
        why, remedy = (
            Message("another program has locked it"),
            Message("Wait for that program, or stop it, and start again."),
        )
    else:
        remedy = Message(
            "Check the disk and its permissions, or restore a backup with: python -m docent restore"
        )
    raise StoreError(
        "{name} could not be opened in {parent}: {why}. {remedy}",
        name=path.name,
        parent=path.parent,
        why=why,
        remedy=remedy,
    )


def _code(error: sqlite3.Error, folder: Path) -> int:
    """Return the system's error number for SQLite's; its "cannot open" has many reasons."""
    match error.sqlite_errorcode & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return errno.EBUSY
        case sqlite3.SQLITE_FULL:
            return errno.ENOSPC
        case sqlite3.SQLITE_READONLY:
            return errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
        case sqlite3.SQLITE_CANTOPEN if not os.access(folder, os.W_OK | os.X_OK):
            return errno.EROFS if os.statvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN if os.statvfs(folder).f_bavail == 0:
            return errno.ENOSPC
    return 0
