"""chunk(document) → chunks, the units that are searched, and embedders that make their vectors."""

from docent.indexing.chunking import CHUNKER_VERSION, Chunker, chunk, embedded_text
from docent.indexing.embedder import Embedder, index_fingerprint, open_embedder

__all__ = [
    "CHUNKER_VERSION",
    "Chunker",
    "Embedder",
    "chunk",
    "embedded_text",
    "index_fingerprint",
    "open_embedder",
]
