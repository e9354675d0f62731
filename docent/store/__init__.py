"""Everything at rest and the access to it: catalog, words, vectors, original files."""

from docent.store.backups import back_up, restore
from docent.store.conversations import ANSWER_KEY, quoted
from docent.store.index_swap import Rebuild, forget_previous, give_up, roll_back, switch
from docent.store.old_index import OldDocument
from docent.store.originals import COPIES, Copies, sha256_of
from docent.store.personal_documents import is_from
from docent.store.rows import UPLOADED
from docent.store.shared_store import SharedStore
from docent.store.snapshots import mend_catalog
from docent.store.store import Store
from docent.store.writes import Arrival, KnownFile

__all__ = [
    "ANSWER_KEY",
    "COPIES",
    "UPLOADED",
    "Arrival",
    "Copies",
    "KnownFile",
    "OldDocument",
    "Rebuild",
    "SharedStore",
    "Store",
    "back_up",
    "forget_previous",
    "give_up",
    "is_from",
    "mend_catalog",
    "quoted",
    "restore",
    "roll_back",
    "sha256_of",
    "switch",
]
