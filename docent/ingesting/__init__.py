"""The corridor from files to the index: find, plan, read, cut, store by words, then vectors."""

from docent.ingesting.again import Again
from docent.ingesting.background import Background
from docent.ingesting.finding import find
from docent.ingesting.folder import Progress, Stopped, ingest
from docent.ingesting.intake import Cut, Intake
from docent.ingesting.rebuilding import rebuild
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
