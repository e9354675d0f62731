"""The index of one generation: words by tantivy and vectors by Chroma, level with the change log.

Any number of processes read and write the catalog and read the words. Embedded Chroma and tantivy allow one
process that writes; it owns the index of a generation, and the others ask it, by one line of JSON for each
call, over a socket in that folder which only its user may open (docs/decisions/0021-calls-to-the-owner.md).
"""

from __future__ import annotations

import json
import logging
import os
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from docent import errors
from docent.errors import DocentError, StorageBusy, StoreError
from docent.messages import Message, restored, stored
from docent.store.catalog import contents
from docent.store.index.followers import PositionFile
from docent.store.index.owned_index import WORDS, OwnedIndex
from docent.store.index.word_index import WordIndex
from docent.store.locks import FolderLock
from docent.store.protocols import Catalog, Hit, StoreContents

log = logging.getLogger(__name__)
OPENING_SECONDS = 30.0  # that an owner may take to open or close its index
ASK_SECONDS = 0.05
FOLLOW_SECONDS = 30.0  # for the words of a document of 10,000 pages, and more
SILENT_SECONDS = 60.0
WHOLE_SECONDS = 600.0  # to compare or write the whole index; 4 minutes for 100,000 chunks, measured
SOCKET = "owner.socket"
LONGEST_ADDRESS = 100  # bytes; the system allows 108, with its final zero
CALL_SECONDS = 120.0  # for one call; the longest, words of a document of 10,000 pages, takes a few
NEAREST_SECONDS = 5.0  # until the vectors of the catalog are compared instead


class LocalIndex:
    """Words and vectors of a generation, in the process that owns them or in any other.

    Another process reads the words itself. For the nearest vectors it asks the owner, and compares every
    vector of the catalog where none answers. Where there is no owner any more, it becomes the owner.
    """

    def __init__(
        self,
        folder: Path,
        catalog: Catalog,
        generation: int,
        *,
        chroma: tuple[str, str],
        on_level: Callable[[bool], None],
        on_wake: Callable[[], str],
    ) -> None:
        self._folder = folder
        self._catalog = catalog
        self._generation = generation
        self._chroma = chroma
        self._on_level = on_level
        self._on_wake = on_wake
        self._becoming = threading.Lock()
        self._owner: OwnedIndex | None = None
        self._server: OwnerServer | None = None
        self._words: WordIndex | None = None
        self._position = PositionFile(folder, WORDS)
        self._words_seen = ""
        self._refreshing = threading.Lock()
        self._closed = False
        self._silent_until = 0.0
        """Until then an owner that did not answer is not asked again."""
        self._become_owner()

    @property
    def owned(self) -> bool:
        """True if this process keeps the index level; of several processes, at most one does."""
        return self._owner is not None

    @property
    def behind(self) -> bool:
        """True while Chroma lacks vectors, as far as this process knows."""
        return self._owner is not None and self._owner.behind

    def become_owner(self) -> bool:
        """Own the index, unless another process does; return True if this one does now."""
        if self._owner is None and self._become_owner():
            self._on_level(False)  # a process that was killed may have left something to finish
        return self._owner is not None

    def _become_owner(self) -> bool:
        with self._becoming:
            if self._owner is not None or self._closed:
                return self._owner is not None
            try:
                lock = FolderLock(self._folder)
            except StorageBusy:
                return False
            try:
                self._owner = OwnedIndex(
                    self._folder,
                    lock,
                    self._catalog,
                    self._generation,
                    chroma=self._chroma,
                    on_level=self._on_level,
                )
            except BaseException:
                lock.release()
                raise
            answers: dict[str, Callable[..., Any]] = {
                "follow": self._owner.follow,
                "nearest": self._owner.nearest,
                "held": self._owner.held,
                "wake": self._on_wake,
                "compare": self._owner.compare,
                "write_anew": self._owner.write_anew,
            }
            with suppress(OSError):  # a file system without sockets: others compare exactly
                self._server = OwnerServer(self._folder, answers)
            return True

    def follow(self) -> None:
        """Bring words and vectors level; where their owner is silent, it does so when it goes on."""
        try:
            if self._owner is not None or time.monotonic() > self._silent_until or self.become_owner():
                self._ask("follow", seconds=FOLLOW_SECONDS)
        except StorageBusy as error:
            log.warning("%s What was stored is found by its words and vectors later.", error)

    def wake(self) -> str:
        """Ask the owner for vectors; return why it makes none, if so."""
        return str(self._on_wake() if self._owner else self._ask("wake"))

    def nearest(self, library: str, vector: Sequence[float], limit: int) -> list[Hit]:
        """Return chunks of one library by cosine similarity to the vector, best first."""
        if self._owner is None and time.monotonic() > self._silent_until:
            try:
                wanted = list(map(float, vector))
                found = ask_owner(self._folder, "nearest", library, wanted, limit, seconds=NEAREST_SECONDS)
                return [Hit(*hit) for hit in found]
            except OwnerGone:
                if not self.become_owner():
                    self._silent_until = time.monotonic() + SILENT_SECONDS
        if self._owner is not None or self.become_owner():
            assert self._owner is not None
            return self._owner.nearest(library, vector, limit)
        with self._catalog.read() as db:
            return contents.nearest_exactly(db, self._generation, library, vector, limit)

    def matching(
        self, query: str, limit: int, *, libraries: Sequence[str], documents: Sequence[str]
    ) -> list[Hit]:
        """Return chunks by BM25, within these libraries and, unless that is empty, these documents."""
        return self._current_words().matching(query, limit, libraries=libraries, documents=documents)

    def scores(self, query: str, chunk_ids: Sequence[str], *, libraries: Sequence[str]) -> dict[str, float]:
        """Return the BM25 scores of those of the named chunks that match at all."""
        return self._current_words().scores(query, chunk_ids, libraries=libraries)

    def rarity(self, terms: Sequence[str], *, libraries: Sequence[str]) -> dict[str, float]:
        """Return each term's inverse document frequency in these libraries."""
        return self._current_words().rarity(terms, libraries=libraries)

    def held(self, library: str, document_id: str, chunk_ids: Sequence[str]) -> tuple[int, int]:
        """Count what is left of a document: entries of words, and vectors."""
        words, vectors = self._ask("held", library, document_id, list(chunk_ids))
        return words, vectors

    def compare(self) -> list[str]:
        """Return each difference to the catalog in a sentence."""
        return list(self._ask("compare", seconds=WHOLE_SECONDS))

    def write_anew(self) -> None:
        """Write words and vectors again from the catalog."""
        self._ask("write_anew", seconds=WHOLE_SECONDS)

    def tidy(self) -> None:
        """Free unused space, and remove from a long log what both have followed."""
        if self._owner is not None:
            self._owner.tidy()

    def beat(self) -> None:
        """Tell other processes that this one follows, and remove what all have followed meanwhile."""
        if self._owner is not None:
            self._owner.beat()

    def contents(self) -> StoreContents:
        """Return what it holds. Raises StorageBusy unless this process owns it."""
        if not self.become_owner() or self._owner is None:
            raise StorageBusy("{folder} is in use by another Docent. Stop it first.", folder=self._folder)
        return self._owner.contents()

    def close(self) -> None:
        with self._becoming:
            self._closed = True
            if self._server is not None:
                self._server.close()
            if self._owner is not None:
                self._owner.close()

    def _ask(self, name: str, *arguments: Any, seconds: float = OPENING_SECONDS) -> Any:
        """Do something in the process that owns the index, this one or another. Raises StorageBusy."""
        until = time.monotonic() + seconds
        while self._owner is None:
            try:
                return ask_owner(self._folder, name, *arguments, seconds=seconds)
            except OwnerGone:
                if not self.become_owner():
                    if time.monotonic() > until:
                        self._silent_until = time.monotonic() + SILENT_SECONDS
                        raise StorageBusy(
                            "{folder} is in use by another Docent, which has not accepted calls for "
                            "{seconds:.0f} s. Stop it and try again.",
                            folder=self._folder,
                            seconds=seconds,
                        ) from None
                    time.sleep(ASK_SECONDS)
        return self._on_wake() if name == "wake" else getattr(self._owner, name)(*arguments)

    def _current_words(self) -> WordIndex:
        """Return the words as they are now, also as another process wrote them."""
        if self._owner is not None:
            return self._owner.words
        with self._refreshing:
            seen, self._words_seen = self._words_seen, self._position.read()
            if self._words is None:
                self._words = WordIndex(self._folder / WORDS, read_only=True)
            elif seen != self._words_seen:
                self._words.refresh()
            return self._words


class OwnerGone(Exception):
    """No process owns the index, or its owner has ended."""


class OwnerServer(socketserver.ThreadingUnixStreamServer):
    """Answers the calls of other processes from its construction until `close`."""

    daemon_threads = True
    request_queue_size = 128  # with more at once, those who ask would take it for gone

    def __init__(self, folder: Path, answers: Mapping[str, Callable[..., Any]]) -> None:
        self._path = folder / SOCKET
        self._path.unlink(missing_ok=True)
        self._answers = answers
        self.closing = False
        with _address(self._path) as address:
            super().__init__(address, _Handler)
        self._path.chmod(0o600)
        threading.Thread(target=self.serve_forever, args=(0.1,), name="index owner", daemon=True).start()

    def close(self) -> None:
        """Answer no more calls; those who wait for an answer ask the next owner."""
        self.closing = True
        self._path.unlink(missing_ok=True)
        self.shutdown()
        self.server_close()

    def reply(self, call: bytes) -> dict[str, Any]:
        try:
            name, arguments = json.loads(call)
            return {"value": self._answers[name](*arguments)}
        except DocentError as error:
            return {"error": type(error).__name__, "sentence": stored(error.message)}
        except Exception as error:
            if not self.closing:
                log.exception("A call from another process failed.")
            sentence = Message(
                "The Docent that owns {folder} could not do this ({why}). Try again; if it fails again, "
                "restart that one, and see what is wrong with: python -m docent doctor",
                folder=self._path.parent,
                why=repr(error),
            )
            return {"error": "StoreError", "sentence": stored(sentence)}


class _Handler(socketserver.StreamRequestHandler):
    server: OwnerServer

    def handle(self) -> None:
        with suppress(OSError):  # the client left
            answer = self.server.reply(self.rfile.readline())
            if not self.server.closing:  # else what it was answered from is being closed
                self.wfile.write(json.dumps(answer).encode() + b"\n")


def ask_owner(folder: Path, name: str, *arguments: Any, seconds: float = CALL_SECONDS) -> Any:
    """Return the answer of the owner of an index.

    Raises its DocentError, or OwnerGone, also where it takes too long. Connecting takes 0.1 ms.
    """
    try:
        with socket.socket(socket.AF_UNIX) as connection, _address(folder / SOCKET) as address:
            connection.settimeout(seconds)
            connection.connect(address)
            connection.sendall(json.dumps([name, arguments]).encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline()
    except OSError as error:
        raise OwnerGone from error
    if not line.endswith(b"\n"):
        raise OwnerGone
    answer = json.loads(line)
    if "error" in answer:
        raise getattr(errors, answer["error"], StoreError)(restored(answer["sentence"]))
    return answer["value"]


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """Yield a socket's path, shortened where it is longer than the system allows."""
    if len(os.fsencode(path)) < LONGEST_ADDRESS:
        yield str(path)
        return
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{handle}/{path.name}"
    finally:
        os.close(handle)
