"""A store that several processes use at once: one owns the folder, and the others call its methods.

Embedded Chroma loses writes when two processes have it open, so one process owns the folder. When it ends
or is killed, the next call of another process makes that one the owner. See
docs/decisions/0002-one-owner-process.md.
"""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from docent.errors import StorageBusy, StoreError, UnknownDocument, UnknownLibrary
from docent.store import index_swap
from docent.store.locks import ReadWriteLock
from docent.store.rpc import OwnerGone, RpcClient, RpcServer
from docent.store.store import Store

OPENING_SECONDS = 30.0  # that an owner may take to open or close the store
RETRY_SECONDS = 0.05
LOCAL = {"close", "terms", "searched"}
"""Methods that every process runs itself, as terms are the same in all of them."""
SWAPS = {"take_new", "take_earlier", "forget_earlier"}
"""Methods that another process calls to exchange the index."""
REMOVING = {"delete", "delete_library", "share", "unshare"}
"""Methods that cannot find their documents when they are called again."""
OWNER_KILLED = (
    "The Docent that was to do this ended before it answered, and what was to be removed is not there any "
    "more: either it was finished, or there was nothing. See what there is with: python -m docent list"
)


class SharedStore(Store):
    """A Store that several processes may have open at once."""

    def __init__(self, folder: Path, *, fingerprint: str, chroma_url: str = "") -> None:
        self.folder = folder.absolute()
        self._fingerprint = fingerprint
        self._chroma_url = chroma_url
        self._swap_lock = ReadWriteLock()
        self._connecting = threading.RLock()
        self._connected = False
        self._client: RpcClient | None = None
        """The connection to the owner; None when this process is the owner."""
        self._server: RpcServer | None = None
        self._connect()

    @property
    def owned(self) -> bool:
        return self._client is None

    def close(self) -> None:
        with self._connecting:
            if self._client is not None:
                self._client.close()
                return
            if self._server is not None:
                self._server.close()
            super().close()

    def take_new(self) -> index_swap.Switched:
        """Answer from the index that was built beside this one, from the next call on."""
        with self._swap_lock.exclusive():
            if not index_swap.is_level(self.folder):
                return "behind"
            if index_swap.fingerprint_of(self.folder / "building" / "index") != self._fingerprint:
                return "busy"
            # First, while this index still answers: a Chroma server may be away.
            index_swap.remove_earlier(self.folder, chroma_url=self._chroma_url)
            self._exchange(lambda: index_swap.put_new(self.folder, chroma_url=self._chroma_url))
        return "switched"

    def take_earlier(self) -> str:
        """Answer from the index before the last rebuild from the next call on; return its fingerprint."""
        with self._swap_lock.exclusive():
            found = index_swap.fingerprint_of(index_swap.earlier(self.folder))
            if found != self._fingerprint:
                raise StoreError(
                    "The earlier index was made with {found}; the Docent that is running, perhaps "
                    "the chat, works with {fingerprint}. Stop it and run this again, then start it "
                    "with the settings of before.",
                    found=found,
                    fingerprint=self._fingerprint,
                )
            self._exchange(lambda: index_swap.put_earlier(self.folder))
        return found

    def forget_earlier(self) -> bool:
        """Remove the index before the last rebuild; False when there was none."""
        with self._swap_lock.exclusive():
            return index_swap.remove_earlier(self.folder, chroma_url=self._chroma_url)

    def _exchange(self, put: Callable[[], None]) -> None:
        """Exchange the index while no call is under way; if the other one does not open, reopen this one."""
        self._derived.close(in_step=not self._catalog.write_lock.interrupted)
        self._catalog.close()
        put()
        try:
            self._open(self._fingerprint, self._chroma_url)
        except BaseException:
            index_swap.put_earlier(self.folder)
            self._open(self._fingerprint, self._chroma_url)
            raise

    def _call(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Call a method here or in the owning process; call it again when the owner has ended meanwhile."""
        again = False
        try:
            while (client := self._client) is not None:
                try:
                    return client.call(name, arguments, keywords)
                except OwnerGone:
                    again = True
                    self._connect()
            return self._here(name, arguments, keywords)
        except (UnknownDocument, UnknownLibrary) as error:
            if again and name in REMOVING:
                raise type(error)(OWNER_KILLED) from error
            raise

    def _here(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        with self._swap_lock.shared():
            return getattr(Store, name)(self, *arguments, **keywords)

    def _connect(self) -> None:
        """Become the owner, or connect to it."""
        with self._connecting:
            if self._connected and (self._client is None or not self._client.broken):
                return  # another thread has connected meanwhile
            until = time.monotonic() + OPENING_SECONDS
            while not (self._become_owner() or self._find_owner()):
                if time.monotonic() > until:
                    raise StorageBusy(
                        "{folder} is in use by another Docent, which has not accepted calls "
                        "for {seconds:.0f} s. Stop it and try again.",
                        folder=self.folder,
                        seconds=OPENING_SECONDS,
                    )
                time.sleep(RETRY_SECONDS)
            self._connected = True

    def _become_owner(self) -> bool:
        try:
            super().__init__(self.folder, fingerprint=self._fingerprint, chroma_url=self._chroma_url)
        except StorageBusy:
            return False
        self._client = None
        try:
            self._server = RpcServer(self.folder, check_client=self._check_client, answer=self._answer)
        except OSError:  # a file system without sockets allows one process at a time
            self._server = None
        return True

    def _find_owner(self) -> bool:
        try:
            self._client = RpcClient(self.folder, fingerprint=self._fingerprint)
        except OwnerGone:
            return False
        return True

    def _check_client(self, fingerprint: str) -> None:
        if fingerprint:
            self._here("_check", (fingerprint,), {})

    def _answer(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if name in SWAPS:
            return getattr(self, name)()
        if name not in OFFERED:
            raise StoreError("The store has nothing called {name!r}.", name=name)
        return self._here(name, arguments, keywords)


def _forwarded(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(self: SharedStore, *arguments: Any, **keywords: Any) -> Any:
        return self._call(name, arguments, keywords)

    return call


OFFERED = {
    name
    for name, _ in inspect.getmembers(Store, inspect.isfunction)
    if not name.startswith("_") and name not in LOCAL
}
for _name in OFFERED:
    setattr(SharedStore, _name, _forwarded(_name, getattr(Store, _name)))
