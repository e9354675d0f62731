"""Files of storage/ that the web server opens: errors in a sentence, and the secret of the installation."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from docent.errors import StoreError
from docent.messages import Message

FULL = (errno.ENOSPC, errno.EDQUOT)
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
SECRET_BYTES = 32


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


def installation_secret(storage: Path, *, database_url: str = "") -> bytes:
    """Return the secret of this installation, made at the first start and stored in storage/ or PostgreSQL.

    A shorter one, as a full disk leaves it, is replaced: it could be guessed.
    """
    if database_url:
        from docent.web.accounts.account_database import shared_secret  # which imports this module

        return shared_secret(database_url, secrets.token_bytes(SECRET_BYTES))
    path = storage / "secret"
    with opening(path):
        storage.mkdir(parents=True, exist_ok=True)
        return _read_or_make_secret(path)


def _read_or_make_secret(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        if len(secret := path.read_bytes()) >= SECRET_BYTES:
            return secret
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
        with suppress(OSError):  # where files cannot be locked, opening the store fails with the reason
            fcntl.flock(file, fcntl.LOCK_EX)  # two processes that start at once share one secret
        secret = file.read()
        if len(secret) < SECRET_BYTES:
            secret = secrets.token_bytes(SECRET_BYTES)
            file.seek(0)
            file.write(secret)
            os.fsync(file.fileno())
    return secret
