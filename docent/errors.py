"""Everything that can go wrong, as one tree.

    DocentError
    ├── SettingsError          a setting is unknown or has a value that is not allowed
    ├── LoadError              a file could not be read
    │   ├── UnreadableFile     gone, empty, or not what its content claims
    │   │   └── OutOfReach     the machine, its disk or a permission is in the way; it may be read later
    │   ├── UnsupportedFile    a format nobody here reads
    │   ├── EncryptedFile      a password is needed
    │   └── HarmfulFile        over a limit of memory, time or size, or it killed its reader
    ├── StoreError             storage/ cannot be used as asked
    │   ├── StorageBusy        another process owns it
    │   ├── IndexMismatch      it was indexed by another model, chunker or version
    │   ├── DamagedStore       it does not hold together
    │   ├── UnknownLibrary     no such library, or not this reader's
    │   └── UnknownDocument    no such document, or not this reader's
    ├── EmbeddingError         the embedding model is missing, altered or failing
    ├── ModelError             the language model did not answer
    │   ├── ModelUnreachable   nobody listens at the model server's address
    │   ├── ModelMissing       the server is there, the model is not
    │   ├── ModelOverflow      the prompt does not fit the model's context
    │   ├── ModelTimeout       connecting, the first token or the next one took too long
    │   └── ModelFailed        the server said no, or broke off
    └── InputError             what a person typed cannot be acted on

Each message is a sentence for a person: what happened, why, and what to do next. Rooms raise;
only the front doors (app.py, ingest.py, __main__, web/) show.
"""

from __future__ import annotations

import re
from typing import Any

from docent.messages import Message


class DocentError(Exception):
    """Base of every error that Docent raises on purpose: a code, and a message with its parameters."""

    def __init__(self, message: str, /, **parameters: Any) -> None:
        self.message = Message(message, **parameters)
        super().__init__(self.message)

    @property
    def code(self) -> str:
        """The kind of error for programs: `UnknownLibrary` is "unknown_library"."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()


class SettingsError(DocentError): ...


class LoadError(DocentError): ...


class UnreadableFile(LoadError): ...


class OutOfReach(UnreadableFile): ...


class UnsupportedFile(LoadError): ...


class EncryptedFile(LoadError): ...


class HarmfulFile(LoadError): ...


class StoreError(DocentError): ...


class StorageBusy(StoreError): ...


class IndexMismatch(StoreError): ...


class DamagedStore(StoreError): ...


class UnknownLibrary(StoreError): ...


class UnknownDocument(StoreError): ...


class EmbeddingError(DocentError): ...


class ModelError(DocentError): ...


class ModelUnreachable(ModelError): ...


class ModelMissing(ModelError): ...


class ModelOverflow(ModelError): ...


class ModelTimeout(ModelError): ...


class ModelFailed(ModelError): ...


class InputError(DocentError): ...
