"""The errors that Docent raises on purpose.

    DocentError
    ├── SettingsError          a setting is unknown or has a value that is not allowed
    ├── LoadError              a file could not be read
    │   ├── UnreadableFile     missing, empty, or not of the format that it claims
    │   │   └── OutOfReach     a permission, a full disk or the machine prevents it; try again later
    │   ├── UnsupportedFile    a format that Docent does not read
    │   ├── EncryptedFile      a password is needed
    │   └── HarmfulFile        over a limit of memory, time or size, or its worker process crashed
    ├── StoreError             storage/ cannot do what was asked
    │   ├── StorageBusy        another process owns it
    │   ├── IndexMismatch      the index was made by another model, chunker or version
    │   ├── StoreUnreachable   a server that keeps a part of it does not answer; try again later
    │   │   ├── DatabaseUnreachable   PostgreSQL
    │   │   └── FilesUnreachable   the bucket of the original files
    │   │       └── FilesRefused   it refuses the keys, or there is no such bucket
    │   ├── DamagedStore       its files are damaged or contradict each other
    │   ├── UnknownLibrary     no such library, or the user may not see it
    │   ├── UnknownDocument    no such document, or the user may not see it
    │   └── UnknownTable       no such research table of the user
    ├── EmbeddingError         the embedding model is missing, altered or failing
    ├── ModelError             the language model gave no answer
    │   ├── ModelUnreachable   no server answers at the model server's address
    │   ├── ModelMissing       the server has no such model
    │   ├── ModelOverflow      the prompt does not fit into the model's context
    │   ├── ModelTimeout       connecting, the first token or the next one took too long
    │   └── ModelFailed        the server refused, or stopped in the middle
    │       └── ModelNoJson    it was asked for JSON of a form, and wrote none, twice
    ├── PluginError            a plugin is not installed, or fails
    ├── SourceError            a source of documents cannot be reached, or may not be asked
    └── InputError             the user's input is not valid

Each message says what happened, why, and what to do next. Any package may raise these errors; only
app.py, ingest.py, __main__, cli/ and web/ show them to the user.
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
        """The error's name for programs: `UnknownLibrary` is "unknown_library"."""
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


class StoreUnreachable(StoreError): ...


class DatabaseUnreachable(StoreUnreachable): ...


class FilesUnreachable(StoreUnreachable): ...


class FilesRefused(FilesUnreachable): ...


class DamagedStore(StoreError): ...


class UnknownLibrary(StoreError): ...


class UnknownDocument(StoreError): ...


class UnknownTable(StoreError): ...


class EmbeddingError(DocentError): ...


class ModelError(DocentError): ...


class ModelUnreachable(ModelError): ...


class ModelMissing(ModelError): ...


class ModelOverflow(ModelError): ...


class ModelTimeout(ModelError): ...


class ModelFailed(ModelError): ...


class ModelNoJson(ModelFailed): ...


class PluginError(DocentError): ...


class SourceError(DocentError): ...


class InputError(DocentError): ...
