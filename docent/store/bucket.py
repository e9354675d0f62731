"""A bucket of S3, or of a server that speaks its protocol, such as MinIO or Ceph.

Keys, region and the server's address come from AWS's own variables, or from the machine's role.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from docent.errors import FilesRefused, FilesUnreachable, StoreError

if TYPE_CHECKING:
    from obstore.store import S3Store

PART = 8_000_000
"""Bytes of a request: a larger object is sent and fetched in several, each with its own time limit."""
AT_ONCE = 4
"""Parts of one object that are sent at the same time."""
CONNECT_TIMEOUT = timedelta(seconds=5)
TIMEOUT = timedelta(seconds=30)
RETRIES = 3
RETRY_TIMEOUT = timedelta(seconds=20)
"""Time after which a request is not tried again; people wait for it."""
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


class OriginalsBucket:
    """The objects below a prefix of one bucket. Thread-safe."""

    def __init__(self, url: str) -> None:
        """Take s3://bucket/prefix; nothing is asked of the server yet."""
        if find_spec("obstore") is None:
            raise StoreError(
                "DOCENT_FILES_URL names a bucket, which needs obstore. Install it with: pip install "
                "'docent-rag[cluster]' (in a checkout: make install-cluster)"
            )
        self.url = url
        self._store = _opened(url)

    def put(self, name: str, file: Path) -> None:
        """Store a file as an object; it is there as a whole, and durable, or not at all."""
        with self._errors():
            self._store.put(name, file, chunk_size=PART, max_concurrency=AT_ONCE)

    def get(self, name: str, target: Path) -> bool:
        """Write an object into a file; False if there is no such object."""
        with self._errors():
            try:
                size = self._store.head(name)["size"]
                with target.open("wb") as file:
                    for start in range(0, size, PART):
                        file.write(self._store.get_range(name, start=start, end=min(start + PART, size)))
            except FileNotFoundError:
                return False
        return True

    def delete(self, name: str) -> None:
        """Delete an object, if it is there."""
        with self._errors():
            try:
                self._store.delete(name)
            except FileNotFoundError:
                pass  # as on a server where deleting nothing is an error

    def objects(self, below: str) -> Iterator[tuple[str, datetime]]:
        """Yield the name of each object, and when it was stored."""
        with self._errors():
            for some in self._store.list(below, chunk_size=1000):
                for one in some:
                    yield one["path"], one["last_modified"]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        try:
            yield
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise FilesRefused(
                "The server of {url}, where the original files are, refuses Docent's keys. Check "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do there. Search and "
                "answers go on meanwhile.",
                url=self.url,
            ) from error
        except FileNotFoundError as error:  # as which it raises what a server does not find
            raise FilesRefused(
                "There is no bucket for {url}, where the original files are to be. Create it, or correct "
                "DOCENT_FILES_URL. Search and answers go on meanwhile.",
                url=self.url,
            ) from error
        except BaseError as error:
            raise FilesUnreachable(
                "The server of {url}, where the original files are, cannot be used now ({why}). Search and "
                "answers go on; files can be opened and added again once it answers. Try again later; if "
                "that does not help, check it and DOCENT_FILES_URL.",
                url=self.url,
                why=_reason(error),
            ) from error


def _opened(url: str) -> S3Store:
    from obstore.store import S3Store

    parts = urlsplit(url)
    endpoint = next((os.environ[name] for name in ENDPOINTS if os.environ.get(name)), "")
    return S3Store(
        parts.netloc,
        prefix=parts.path.strip("/") or None,
        config={"endpoint": endpoint} if endpoint else {},
        client_options={
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": CONNECT_TIMEOUT,
            "timeout": TIMEOUT,
        },
        retry_config={"max_retries": RETRIES, "retry_timeout": RETRY_TIMEOUT},
    )


def _reason(error: Exception) -> str:
    """Return the code that the server answered, or the system's reason why it could not be asked."""
    text = str(error)
    found = re.search(r'<Code>(\w+)</Code>|message: "([^"]+)"', text)
    return (found[1] or found[2]) if found else text.partition("\n")[0].rpartition(" - ")[2]
