"""A mailbox by IMAP: each message is a document, read once, since a message never changes."""

from __future__ import annotations

import base64
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email import policy
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser

import httpx

from docent.errors import SourceError
from docent.messages import Message
from docent.sources.allowed_hosts import AllowedHosts
from docent.sources.http_fetching import SILENCE_SECONDS
from docent.sources.source_items import ItemRecord, SourceFailure, SourceItem
from docent.sources.source_list import MailSource

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
LONGEST_SUBJECT = 60
SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
FAULTS = (imaplib.IMAP4.error, OSError, ValueError)


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Reads the folders of a mailbox without marking anything as seen."""

    settings: MailSource
    hosts: AllowedHosts
    largest: int

    def items(self, known: Mapping[str, ItemRecord]) -> Iterator[SourceItem | SourceFailure]:
        try:
            connection = self._connect()
            try:
                if self.settings.encryption == "starttls":
                    connection.starttls(httpx.create_ssl_context(trust_env=False))
                connection.login(self.settings.user, self.settings.secret)
                for folder in self.settings.folders:
                    yield from self._folder(connection, folder, known)
            finally:
                with suppress(*FAULTS):
                    connection.logout()
        except FAULTS as error:
            raise self._failed(error) from error

    def _connect(self) -> imaplib.IMAP4:
        if self.settings.encryption == "tls":
            return _GuardedTlsConnection(self.hosts, self.settings, httpx.create_ssl_context(trust_env=False))
        return _GuardedConnection(self.hosts, self.settings)

    def _folder(
        self, connection: imaplib.IMAP4, folder: str, known: Mapping[str, ItemRecord]
    ) -> Iterator[SourceItem | SourceFailure]:
        """Yield the messages of a folder. Their numbers hold as long as its UIDVALIDITY stays the same."""
        status, _ = connection.select(quoted_folder(folder), readonly=True)
        if status != "OK":
            raise SourceError(
                "The mailbox at {host} has no folder {folder!r}. Correct its name.",
                host=self.settings.host,
                folder=folder,
            )
        validity = (connection.response("UIDVALIDITY")[1] or [b"0"])[0] or b"0"
        since = self.settings.since
        criteria = ["SINCE", f"{since.day:02}-{MONTHS[since.month - 1]}-{since.year}"] if since else ["ALL"]
        _, found = connection.uid("SEARCH", *criteria)
        uids = (found[0] or b"").split()[-self.settings.most_items :]
        for uid in map(bytes.decode, uids):
            id = f"{folder}/{validity.decode()}/{uid}"
            if id in known:
                yield SourceItem(id, known[id].origin, None)
            elif (message := self._message(connection, id, folder, uid)) is not None:
                yield message

    def _message(
        self, connection: imaplib.IMAP4, id: str, folder: str, uid: str
    ) -> SourceItem | SourceFailure | None:
        """Return a message; None for one that was deleted meanwhile."""
        _, sizes = connection.uid("FETCH", uid, "(RFC822.SIZE)")
        size = SIZE.search(b" ".join(part for part in sizes if isinstance(part, bytes)))
        if size and int(size[1]) > self.largest:
            return SourceFailure(
                id, Message("Message {uid} is larger than {most:,} bytes.", uid=uid, most=self.largest)
            )
        _, parts = connection.uid("FETCH", uid, "(BODY.PEEK[])")
        content = next((bytes(part[1]) for part in parts if isinstance(part, tuple)), None)
        if content is None:
            return None
        headers = BytesHeaderParser(policy=policy.compat32).parsebytes(content)
        subject = _decoded(headers.get("subject")) or "without subject"
        sender, date = _decoded(headers.get("from")), _decoded(headers.get("date"))
        origin = f"{subject} ({', '.join(filter(None, (sender, date)))}) in {folder}, {self.settings.host}"
        title = subject[:LONGEST_SUBJECT].replace("/", "-")
        return SourceItem(id, origin, content, name=f"{folder}/{title} {uid}.eml")

    def _failed(self, error: Exception) -> SourceError:
        return SourceError(
            "The mailbox at {host} cannot be read ({why}). Check its host, port, user and password.",
            host=self.settings.host,
            why=str(error) or type(error).__name__,
        )


class _GuardedConnection(imaplib.IMAP4):
    """A connection to an address that was checked."""

    def __init__(self, hosts: AllowedHosts, settings: MailSource) -> None:
        self._hosts = hosts
        super().__init__(settings.host, settings.port, timeout=SILENCE_SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        return self._hosts.connect(self.host, self.port, timeout)


class _GuardedTlsConnection(_GuardedConnection):
    def __init__(self, hosts: AllowedHosts, settings: MailSource, trusted: ssl.SSLContext) -> None:
        self._trusted = trusted
        super().__init__(hosts, settings)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        plain = super()._create_socket(timeout)
        return self._trusted.wrap_socket(plain, server_hostname=self.host)


def quoted_folder(name: str) -> str:
    """Return a folder's name as IMAP writes it: in quotes, other letters in its own form of UTF-7."""

    def encoded(run: re.Match[str]) -> str:
        written = base64.b64encode(run[0].encode("utf-16-be")).decode().rstrip("=").replace("/", ",")
        return f"&{written}-"

    ascii_name = re.sub(r"[^\x20-\x7e]+", encoded, name.replace("&", "&-"))
    return '"' + ascii_name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _decoded(header: object) -> str:
    """Return a header as text on one line, as mail programs show it."""
    if header is None:
        return ""
    try:
        text = str(make_header(decode_header(str(header))))
    except (LookupError, ValueError):  # an unknown or a broken encoding
        text = str(header)
    return " ".join(text.split())
