"""index(document) → chunks: the pieces that are searched, and their vectors."""

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
