"""The corridor from files to the index: find, plan, read, cut, store by words, then vectors."""

from docent.ingesting.discovery import find
from docent.ingesting.embedding_worker import Background
from docent.ingesting.folders import Progress, Stopped, ingest
from docent.ingesting.pipeline import Cut, Intake
from docent.ingesting.rebuild import rebuild
from docent.ingesting.reread import Again
from docent.ingesting.uploads import Standing, Ticket, Uploads, is_locked

__all__ = [
    "Again",
    "Background",
    "Cut",
    "Intake",
    "Progress",
    "Standing",
    "Stopped",
    "Ticket",
    "Uploads",
    "find",
    "ingest",
    "is_locked",
    "rebuild",
]
