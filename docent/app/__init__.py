"""The only place that builds clients, stores and models from Settings."""

from docent.answering.prompt.personas import Persona
from docent.app.docent import Docent
from docent.app.factory import open_docent, open_model, open_sources
from docent.ingesting import IngestProgress
from docent.store import back_up, forget_previous, mend_catalog, restore, roll_back

__all__ = [
    "Docent",
    "IngestProgress",
    "Persona",
    "back_up",
    "forget_previous",
    "mend_catalog",
    "open_docent",
    "open_model",
    "open_sources",
    "restore",
    "roll_back",
]
