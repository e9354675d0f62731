"""Everything at rest, and who may see it: the catalog, the vectors, the originals."""

from docent.store.keeping import UPLOADED, KnownFile
from docent.store.originals import sha256_of
from docent.store.rebuilding import rebuilding
from docent.store.shared import SharedStore
from docent.store.store import Store

__all__ = ["UPLOADED", "KnownFile", "SharedStore", "Store", "rebuilding", "sha256_of"]
