"""The page behind a citation, served to whoever was shown the citation.

A link names the document, the page and the cited characters, and carries a signature that only
this installation can make; nobody can turn it into a link to another page or document.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from docent.errors import UnknownDocument
from docent.glossary import Citation, Scope
from docent.store import Store

PREFIX = "/source"


@dataclass(frozen=True, slots=True)
class Place:
    """Characters of a page, and who may see them."""

    document_id: str
    page: int
    start: int
    end: int
    reader: str | None


class Signer:
    """Makes and checks the links of one installation."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def link(self, citation: Citation, *, reader: str | None) -> str:
        place = Place(citation.document_id, citation.page, citation.start, citation.end, reader)
        body = _encode(json.dumps(asdict(place), separators=(",", ":")).encode())
        return f"{PREFIX}/{body}.{self._signature(body)}/{quote(citation.file, safe='')}#page={citation.page}"

    def place(self, token: str) -> Place:
        """The place a link names. Raises UnknownDocument for a link that was not made here."""
        body, _, signature = token.partition(".")
        if not hmac.compare_digest(signature.encode(), self._signature(body).encode()):
            raise UnknownDocument("This link was not made here, or was changed. Ask the question again.")
        try:
            return Place(**json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
        except (binascii.Error, ValueError, TypeError) as error:
            raise UnknownDocument("This link is from another version. Ask the question again.") from error

    def _signature(self, body: str) -> str:
        return _encode(hmac.digest(self._secret, body.encode(), hashlib.sha256))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def cited_page(store: Store, place: Place) -> tuple[bytes, str]:
    """What a link opens, and its type: the PDF itself, of anything else the text of the page cited."""
    scope = Scope(reader=place.reader)
    original = store.original(place.document_id, scope)
    with original.open("rb") as file:
        if file.read(1024).lstrip().startswith(b"%PDF"):
            file.seek(0)
            return file.read(), "application/pdf"
    return store.page(place.document_id, place.page, scope).text.encode(), "text/plain; charset=utf-8"


def secret_of(storage: Path) -> bytes:
    """The installation's own secret, made at the first start and kept in storage/."""
    storage.mkdir(parents=True, exist_ok=True)
    path = storage / "secret"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_bytes(32))
    return path.read_bytes()
