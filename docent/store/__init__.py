"""Everything at rest, and who may see it: the catalog, the vectors, the originals."""

from docent.store.rebuilding import rebuilding
from docent.store.store import KnownFile, Store

__all__ = ["KnownFile", "Store", "rebuilding"]
