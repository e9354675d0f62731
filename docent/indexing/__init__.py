"""index(document) → chunks: the pieces that are searched, and their vectors."""

from docent.indexing.chunking import CHUNKER_VERSION, Cutter, chunk, embedded_text
from docent.indexing.embedder import Embedder, index_fingerprint, open_embedder
from docent.indexing.sync_plan import Plan, SameBytes, plan

__all__ = [
    "CHUNKER_VERSION",
    "Cutter",
    "Embedder",
    "Plan",
    "SameBytes",
    "chunk",
    "embedded_text",
    "index_fingerprint",
    "open_embedder",
    "plan",
]
