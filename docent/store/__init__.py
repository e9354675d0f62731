"""Everything at rest, and who may see it: the catalog, the vectors, the originals."""

from docent.store.backups import back_up, restore
from docent.store.conversations import ANSWER_KEY
from docent.store.copies import Copies
from docent.store.keeping import Arrival, KnownFile
from docent.store.originals import COPIES, sha256_of
from docent.store.owners import UPLOADED
from docent.store.previous import Kept
from docent.store.quotes import quoted
from docent.store.rebuilding import Rebuild
from docent.store.shared import SharedStore
from docent.store.sharing import is_from
from docent.store.snapshots import mend_catalog
from docent.store.store import Store
from docent.store.switching import forget_previous, give_up, roll_back, switch

__all__ = [
    "ANSWER_KEY",
    "COPIES",
    "UPLOADED",
    "Arrival",
    "Copies",
    "Kept",
    "KnownFile",
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
