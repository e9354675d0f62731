"""Everything at rest and the access to it: catalog, words, vectors, original files."""

from docent.store.backups import back_up, restore
from docent.store.catalog.documents import UPLOADED, is_from
from docent.store.catalog.snapshots import mend_catalog
from docent.store.files import COPIES, Copies, sha256_of
from docent.store.index.generations import forget_built, forget_previous, roll_back
from docent.store.organising import Group, Groups
from docent.store.protocols import Arrival, KnownFile, Level, LibraryEntry
from docent.store.store import Store

__all__ = [
    "COPIES",
    "UPLOADED",
    "Arrival",
    "Copies",
    "Group",
    "Groups",
    "KnownFile",
    "Level",
    "LibraryEntry",
    "Store",
    "back_up",
    "forget_built",
    "forget_previous",
    "is_from",
    "mend_catalog",
    "restore",
    "roll_back",
    "sha256_of",
]
