"""index(document) → chunks: the pieces that are searched, and their vectors."""

from docent.indexing.chunking import CHUNKER_VERSION, chunk, embedded_text

__all__ = ["CHUNKER_VERSION", "chunk", "embedded_text"]
