"""retrieve(question) → passages: the pieces of the documents that answer, best first."""

from docent.retrieving.ladder import retrieve

__all__ = ["retrieve"]
