"""Everything at rest and the access to it: catalog, words, vectors, original files."""

from docent.store.backups import back_up, restore
from docent.store.conversations import ANSWER_KEY, quoted
from docent.store.documents import UPLOADED, is_from
from docent.store.files import COPIES, Copies, sha256_of
from docent.store.generations import forget_previous, roll_back
from docent.store.protocols import Arrival, KnownFile, LibraryEntry
from docent.store.snapshots import mend_catalog
from docent.store.store import Store

__all__ = [
    "ANSWER_KEY",
    "COPIES",
    "UPLOADED",
    "Arrival",
    "Copies",
    "KnownFile",
    "LibraryEntry",
    "Store",
    "back_up",
    "forget_previous",
    "is_from",
    "mend_catalog",
    "quoted",
    "restore",
    "roll_back",
    "sha256_of",
]
