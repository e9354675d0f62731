"""The only place that builds clients, stores and models from Settings.

Its names are imported when they are used: a command that opens nothing should not wait for the libraries.
"""

from typing import TYPE_CHECKING

from docent.lazy import lazy_attributes

if TYPE_CHECKING:
    from docent.answering.prompt.personas import Persona
    from docent.app.docent import Docent, open_docent
    from docent.app.factory import open_embedding, open_model, open_sources
    from docent.ingesting import IngestProgress
    from docent.store import back_up, forget_built, forget_previous, mend_catalog, restore, roll_back
else:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "Persona": "docent.answering.prompt.personas",
            "IngestProgress": "docent.ingesting",
            **dict.fromkeys(("open_embedding", "open_model", "open_sources"), "docent.app.factory"),
            **dict.fromkeys(("Docent", "open_docent"), "docent.app.docent"),
            **dict.fromkeys(
                ("back_up", "forget_built", "forget_previous", "mend_catalog", "restore", "roll_back"),
                "docent.store",
            ),
        },
    )

__all__ = [
    "Docent",
    "IngestProgress",
    "Persona",
    "back_up",
    "forget_built",
    "forget_previous",
    "mend_catalog",
    "open_docent",
    "open_embedding",
    "open_model",
    "open_sources",
    "restore",
    "roll_back",
]
