"""Nearest neighbours by Chroma, embedded or on a server; the only file that imports it.

One collection per library, since a filter that matches half of a collection takes 490 ms where a whole
collection takes 4. A record is an id and a vector: the catalog has the text, and Chroma's own text index
would cost more than everything else together.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from docent.errors import DamagedStore, StoreError
from docent.memory import zeroed
from docent.store.index.followers import CatalogContent
from docent.store.protocols import Change, ChangeKind, Hit

if TYPE_CHECKING:
    import numpy as np
    from chromadb.api import ClientAPI
    from numpy.typing import NDArray

BATCH = 5000  # Chroma refuses more than 5461 at once
PROBED = 10
GRAPHS = "*/data_level0.bin"
COUNT = slice(20, 28)
"""In the header of a graph: the number of vectors in its files; 0 until Chroma writes the first thousand."""
REQUEST_SECONDS = 60.0  # for one request to a server; Chroma's own client would wait for ever


class ChromaVectors:
    """The vector index of one store: in `folder`, or on the server at `url` under the store's own name."""

    follows: frozenset[ChangeKind] = frozenset({"vectors", "drop", "library"})

    def __init__(self, folder: Path, *, name: str, url: str) -> None:
        self._name = name
        self._where = url or str(folder)
        self._served = bool(url)
        self._collections: dict[str, Any] = {}
        self._filled: set[str] = set()
        """Libraries with a graph: before its first vectors are written, Chroma may refuse a query."""
        self._opening = threading.Lock()
        self._opened_client: ClientAPI | None = None
        if url or folder.exists():  # a new folder cannot be damaged, so opening it can wait
            with self._translate_errors():
                self._client()

    def apply(self, changes: Sequence[Change], content: CatalogContent) -> None:
        for change in changes:
            if change.kind == "vectors":
                ids, vectors = content.vectors_of(change.chunk_ids)
                self.put(change.library, ids, vectors)
            elif change.kind == "drop":
                self.drop(change.library, change.chunk_ids)
            elif change.kind == "library":
                self.drop_library(change.library)

    def write_anew(self, content: CatalogContent) -> None:
        libraries = content.libraries()
        self._drop_others(libraries)
        for library in libraries:
            self.drop_library(library)
            for ids, vectors in content.library_vectors(library, at_once=BATCH):
                self.put(library, ids, vectors)

    def is_whole(self, content: CatalogContent) -> bool:
        """Return True if each library has as many vectors as in the catalog, and finds them.

        A graph that lost its file counts them all, and finds only new ones.
        """
        counts = content.vector_counts()
        for library in content.libraries():
            count = counts.get(library, 0)
            if self.count(library) != count:
                return False
            for _, vectors in content.library_vectors(library, at_once=1):
                if len(self.nearest(library, vectors[0].tolist(), PROBED)) != min(PROBED, count):
                    return False
                break
        return True

    def put(self, library: str, chunk_ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Add or replace vectors; durable on return."""
        for at in range(0, len(chunk_ids), BATCH):
            # upsert: add() silently keeps the old vector of an id that is there already
            some, rows = list(chunk_ids[at : at + BATCH]), vectors[at : at + BATCH].tolist()
            with self._collection(library) as collection, self._blank_memory():
                collection.upsert(ids=some, embeddings=rows)
                if library not in self._filled:
                    self._blank_lengths(collection)
            self._filled.add(library)

    def drop(self, library: str, chunk_ids: Sequence[str]) -> None:
        """Delete these chunks; unknown ids are ignored."""
        for at in range(0, len(chunk_ids), BATCH):
            with self._collection(library) as collection:
                collection.delete(ids=list(chunk_ids[at : at + BATCH]))

    def nearest(self, library: str, vector: Sequence[float], limit: int) -> list[Hit]:
        """Return chunks of one library by cosine similarity, best first."""
        with self._collection(library) as collection:
            if library not in self._filled:
                return []
            # Not limited by the count, which takes as long as the query: fewer results are no error.
            found = collection.query(query_embeddings=[list(vector)], n_results=limit, include=["distances"])
        return [
            Hit(chunk, 1.0 - distance)
            for chunk, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    def count(self, library: str) -> int:
        with self._collection(library) as collection:
            return int(collection.count())

    def chunk_ids(self, library: str) -> set[str]:
        found: set[str] = set()
        with self._collection(library) as collection:
            while page := collection.get(include=[], limit=BATCH, offset=len(found))["ids"]:
                found.update(page)
        return found

    def held(self, library: str, chunk_ids: Sequence[str]) -> int:
        """Count those of these chunks that still have a vector."""
        with self._collection(library) as collection:
            return sum(
                len(collection.get(ids=list(chunk_ids[at : at + BATCH]), include=[])["ids"])
                for at in range(0, len(chunk_ids), BATCH)
            )

    def drop_library(self, library: str) -> None:
        with self._translate_errors():
            if library in self._collections or self._exists(library):
                self._client().delete_collection(self._label(library))
            self._collections.pop(library, None)  # afterwards: a query meanwhile opens it again
            self._filled.discard(library)

    def _drop_others(self, libraries: Sequence[str]) -> None:
        """Remove libraries that were deleted while nobody followed; a server has those of others, too."""
        if self._served or not Path(self._where).exists():
            return
        known = {self._label(library) for library in libraries}
        with self._translate_errors():
            for name in {collection.name for collection in self._client().list_collections()} - known:
                self._client().delete_collection(name)

    def as_llama_index(self, library: str) -> Any:
        """Return a library as a llama-index vector store, for other pipelines."""
        with self._collection(library) as collection:
            return _thin_store(self, library, collection)

    def close(self) -> None:
        if self._opened_client is None:
            return
        client: Any = self._opened_client
        if self._served:
            client._server._session.close()  # which Chroma's own close() forgets
        client.close()
        if not self._served:
            self.sweep()
            _vacuum(Path(self._where))

    def graph_bytes(self) -> int:
        """Return the size of its graphs on this disk."""
        return sum(graph.stat().st_size for graph in Path(self._where).glob(GRAPHS))

    def sweep(self) -> None:
        """Remove the graphs of deleted collections: Chroma leaves their folders where they are."""
        there = list(Path(self._where).glob(GRAPHS))  # first, so that one made meanwhile is not among them
        with suppress(sqlite3.Error), closing(_database(Path(self._where))) as db:
            known = {str(segment) for (segment,) in db.execute("SELECT id FROM segments")}
            for graph in there:
                if graph.parent.name not in known:
                    shutil.rmtree(graph.parent, ignore_errors=True)

    def _client(self) -> ClientAPI:
        """Return the client, made on first use: importing Chroma takes half a second."""
        with self._opening:
            if self._opened_client is None:
                self._opened_client = _server(self._where) if self._served else _embedded(Path(self._where))
            return self._opened_client

    def _label(self, library: str) -> str:
        """Return a name that Chroma allows, whatever the library is called."""
        digest = hashlib.sha256(f"{self._name}\0{library}".encode()).hexdigest()[:24]
        return f"docent-{digest}"

    def _exists(self, library: str) -> bool:
        return self._label(library) in {collection.name for collection in self._client().list_collections()}

    @contextmanager
    def _collection(self, library: str) -> Iterator[Any]:
        with self._translate_errors():
            if library not in self._collections:
                self._collections[library] = self._open_collection(library)
            yield self._collections[library]

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Raise Chroma's errors as ours, and forget the collections, which may be wrong after one."""
        from chromadb.errors import ChromaError
        from httpx import HTTPError

        try:
            yield
        except (ChromaError, HTTPError, ValueError) as error:
            self._collections.clear()
            if self._served:
                raise StoreError(
                    "The Chroma server at {where} does not answer ({error}). Start it, correct "
                    "DOCENT_CHROMA_URL, or remove that setting to keep the vectors in storage/.",
                    where=self._where,
                    error=error,
                ) from error
            raise DamagedStore(
                "The vectors in {where} cannot be used ({error}). Nothing is lost: they are written "
                "again from the catalog, at the latest at the next start.",
                where=self._where,
                error=error,
            ) from error

    def _open_collection(self, library: str) -> Any:
        collection = self._client().get_or_create_collection(
            self._label(library), configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )
        # get_or_create returns a collection of another space without an error
        space = (collection.configuration_json.get("hnsw") or {}).get("space")
        if space != "cosine":
            raise DamagedStore(
                "The Chroma collection of library {library!r} measures by {space!r}, not by cosine: "
                "something else made it. Run: python -m docent ingest --rebuild",
                library=library,
                space=space,
            )
        # Counting builds the graph from what a killed process left in Chroma's log.
        with self._blank_memory():
            if collection.count():
                self._blank_lengths(collection)
                self._filled.add(library)
        return collection

    def _blank_memory(self) -> AbstractContextManager[None]:
        """Blank fresh memory: Chroma writes a new graph from memory that still holds other data."""
        return nullcontext() if self._served else zeroed()

    def _blank_lengths(self, collection: Any) -> None:
        """Blank the lengths in a new graph's files: the C library hands out such small blocks as they are."""
        if self._served:
            return
        with closing(_database(Path(self._where))) as db:
            segments = "SELECT id FROM segments WHERE collection = ? AND scope = 'VECTOR'"
            (segment,) = db.execute(segments, (str(collection.id),)).fetchone()
        folder = Path(self._where) / str(segment)
        with suppress(FileNotFoundError):  # Chroma writes none for a library without vectors
            if not int.from_bytes((folder / "header.bin").read_bytes()[COUNT], "little"):
                lengths = folder / "length.bin"
                lengths.write_bytes(bytes(lengths.stat().st_size))


def _vacuum(folder: Path) -> None:
    """Shrink Chroma's own database: 2.0 of 2.4 kB a chunk are not needed any more."""
    with suppress(sqlite3.Error), closing(_database(folder)) as db:
        (pages,), (free,) = (db.execute(f"PRAGMA {name}_count").fetchone() for name in ("page", "freelist"))
        if free * 4 > pages:
            db.execute("VACUUM")


def _database(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{folder / 'chroma.sqlite3'}?mode=rw", uri=True)


def _embedded(folder: Path) -> ClientAPI:
    import chromadb
    from chromadb.api.client import Client
    from chromadb.config import Settings

    folder.mkdir(parents=True, exist_ok=True)
    try:
        return chromadb.PersistentClient(path=str(folder), settings=Settings(anonymized_telemetry=False))
    except Exception:
        # Chroma would return the client that failed again for the same folder.
        for remembered in (Client._identifier_to_system, Client._identifier_to_refcount):
            cast("dict[str, Any]", remembered).pop(str(folder), None)
        raise


def _server(url: str) -> ClientAPI:
    import chromadb
    import httpx
    from chromadb.config import Settings

    # First: a Chroma client that fails to connect leaves its socket open.
    httpx.get(f"{url}/api/v2/heartbeat", timeout=REQUEST_SECONDS)
    address = urlsplit(url)
    secure = address.scheme == "https"
    client: Any = chromadb.HttpClient(
        host=address.hostname or "",
        port=address.port or (443 if secure else 8000),
        ssl=secure,
        # A connection kept open until the server ends it would leak its socket.
        settings=Settings(anonymized_telemetry=False, chroma_http_max_keepalive_connections=0),
    )
    client._server._session.timeout = REQUEST_SECONDS
    return cast("ClientAPI", client)


def _thin_store(vectors: ChromaVectors, library: str, collection: Any) -> Any:
    """Return llama-index's ChromaVectorStore, writing ids and vectors only.

    As it comes it repeats each node as JSON beside its text: 10 kB a chunk.
    """
    import numpy as np
    from llama_index.core.schema import BaseNode
    from llama_index.core.vector_stores.types import VectorStoreQuery, VectorStoreQueryResult
    from llama_index.vector_stores.chroma import ChromaVectorStore

    class ThinChromaVectorStore(ChromaVectorStore):
        stores_text: bool = False

        def add(self, nodes: Sequence[BaseNode], **add_kwargs: Any) -> list[str]:
            ids = [node.node_id for node in nodes]
            vectors.put(library, ids, np.asarray([node.get_embedding() for node in nodes]))
            return ids

        def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
            hits = vectors.nearest(library, query.query_embedding or [], query.similarity_top_k)
            return VectorStoreQueryResult(
                ids=[hit.id for hit in hits], similarities=[hit.score for hit in hits]
            )

    return ThinChromaVectorStore.from_collection(collection=collection)
