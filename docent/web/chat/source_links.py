"""The page behind a citation, served to whoever was shown the citation.

A link names the document, the page and the cited characters, and carries a signature that only
this installation can make; nobody can turn it into a link to another page or document.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote

from docent.app import Docent
from docent.errors import UnknownDocument, UnreadableFile
from docent.store import COPIES, Copies
from docent.types import Citation, Scope
from docent.web.database_errors import opening

Shown = Literal["source", "original", "picture"]
"""What a link opens: the page cited with its words marked, the file itself, or a picture of the page."""
SHOWN: tuple[Shown, ...] = get_args(Shown)
SECRET_BYTES = 32

INLINE = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpeg": "image/jpeg",
    **dict.fromkeys(("text", "markdown", "code", "csv", "json"), "text/plain; charset=utf-8"),
}
"""By kind: what a browser shows without running anything; all else is downloaded."""


@dataclass(frozen=True, slots=True)
class Place:
    """Characters of a page, and who may see them."""

    document_id: str
    page: int
    spans: tuple[tuple[int, int], ...]
    reader: str | None


def place_of(quotes: Sequence[Citation], *, reader: str | None) -> Place:
    """Of quotes that stand on one page."""
    spans = tuple(sorted({(one.start, one.end) for one in quotes}))
    return Place(quotes[0].document_id, quotes[0].page, spans, reader)


class Signer:
    """Makes and checks the links of one installation."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def link(self, *quotes: Citation, reader: str | None, shown: Shown = "source") -> str:
        """To the page that the quotes stand on, all of them in one passage."""
        place = asdict(place_of(quotes, reader=reader))
        body = _encode(json.dumps(place, separators=(",", ":")).encode())
        name = quote(quotes[0].file, safe="")
        return f"/{shown}/{body}.{self._signature(body)}/{name}#page={quotes[0].page}"

    def place(self, token: str) -> Place:
        """The place a link names. Raises UnknownDocument for a link that was not made here."""
        body, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            raise UnknownDocument("This link was not made here, or was changed. Ask the question again.")
        try:
            there = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
            return Place(**{**there, "spans": tuple((start, end) for start, end in there["spans"])})
        except (binascii.Error, ValueError, TypeError, KeyError) as error:
            raise UnknownDocument("This link is from another version. Ask the question again.") from error

    def _signature(self, body: str) -> str:
        return _encode(hmac.digest(self._secret, body.encode(), hashlib.sha256))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a link opens."""

    path: Path | None
    """A file to send, or none: then the text."""
    text: str
    media_type: str
    """Empty: to be saved, not shown."""
    name: str


def opened(docent: Docent, place: Place, shown: Shown) -> Opened:
    """What a link opens. Raises DocentError with a sentence when it is not there or cannot be made."""
    scope = Scope(reader=place.reader)
    document = docent.store.document(place.document_id, scope)
    if shown == "original":
        original = docent.store.original(document.id, scope)
        return Opened(original, "", INLINE.get(document.kind, ""), document.name)
    if shown == "picture":
        return Opened(picture(docent, place), "", "image/png", document.name)
    if document.kind == "pdf":
        return Opened(marked(docent, place), "", "application/pdf", document.name)
    text = docent.store.page(place.document_id, place.page, scope).text
    return Opened(None, text, "text/plain; charset=utf-8", document.name)


def marked(docent: Docent, place: Place) -> Path:
    """A copy of the PDF with the cited words highlighted; made once. Raises LoadError if it cannot be."""
    scope = Scope(reader=place.reader)
    document = docent.store.document(place.document_id, scope)

    def make() -> bytes:
        return docent.highlighted(document.id, {place.page: place.spans}, file=document.name, scope=scope)

    return _copy(docent, place, "pdf", make)


def picture(docent: Docent, place: Place) -> Path:
    """The page as a picture with the cited words boxed; made once. Raises LoadError if it cannot be."""
    scope = Scope(reader=place.reader)
    document = docent.store.document(place.document_id, scope)

    def make() -> bytes:
        return docent.picture(document.id, place.page, place.spans, file=document.name, scope=scope)

    return _copy(docent, place, "png", make)


def _copy(docent: Docent, place: Place, suffix: str, make: Callable[[], bytes]) -> Path:
    original = docent.store.original(place.document_id, Scope(reader=place.reader))
    if not original.exists():
        raise UnreadableFile("The file itself is not kept any more. Run: python -m docent doctor --mend")
    where = f"{place.document_id} {place.page} {place.spans}"  # a page is read alike by whoever may see it
    name = f"{hashlib.sha256(where.encode()).hexdigest()[:32]}.{suffix}"
    return Copies(docent.store.folder / COPIES).get(original, name, make)


def secret_of(storage: Path) -> bytes:
    """The installation's own secret, made at the first start and kept in storage/.

    Less of it than all, as a full disk leaves it, is not taken: anybody could guess it.
    """
    path = storage / "secret"
    with opening(path):
        storage.mkdir(parents=True, exist_ok=True)
        return _secret(path)


def _secret(path: Path) -> bytes:
    with suppress(FileNotFoundError):
        if len(secret := path.read_bytes()) >= SECRET_BYTES:
            return secret
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0) as file:
        with suppress(OSError):  # where nothing can be locked, the store says so when it is opened
            fcntl.flock(file, fcntl.LOCK_EX)  # two that start at once have one secret
        secret = file.read()
        if len(secret) < SECRET_BYTES:
            secret = secrets.token_bytes(SECRET_BYTES)
            file.seek(0)
            file.write(secret)
            os.fsync(file.fileno())
    return secret
