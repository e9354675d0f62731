"""Ask questions of your own documents, and see the page each answer came from.

loading/     reads a file into a Document, page by page
indexing/    cuts a document into chunks, and makes their vectors
retrieving/  finds the passages that may answer a question
answering/   writes the answer, with its citations
store/       keeps everything at rest, and who may see it

ingesting/ joins loading, indexing and the store; evaluating/ measures retrieval and answers;
app/ builds everything from the settings; web/ and cli/ are what people use.

In Python, `with Docent("storage/") as docent:` opens a storage folder: see docs/python.md.
"""

from typing import TYPE_CHECKING

from docent.lazy import lazy_attributes

if TYPE_CHECKING:
    from docent.app.docent import Docent
    from docent.app.open_values import OpenAnswer, OpenCitation, OpenPage, OpenPassage
    from docent.errors import DocentError
    from docent.settings import Settings
    from docent.types import Answered, AnswerRequest, Preferences, Scope, StoredDocument, Token, Turn
else:
    __getattr__ = lazy_attributes(
        __name__,
        {
            "Docent": "docent.app.docent",
            "DocentError": "docent.errors",
            "Settings": "docent.settings",
            **dict.fromkeys(
                ("OpenAnswer", "OpenCitation", "OpenPage", "OpenPassage"), "docent.app.open_values"
            ),
            **dict.fromkeys(
                ("Answered", "AnswerRequest", "Preferences", "Scope", "StoredDocument", "Token", "Turn"),
                "docent.types",
            ),
        },
    )

__all__ = [
    "AnswerRequest",
    "Answered",
    "Docent",
    "DocentError",
    "OpenAnswer",
    "OpenCitation",
    "OpenPage",
    "OpenPassage",
    "Preferences",
    "Scope",
    "Settings",
    "StoredDocument",
    "Token",
    "Turn",
]


__version__ = "0.1.0"
