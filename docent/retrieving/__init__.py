"""retrieve(question) → passages: the pieces of the documents that answer, best first."""

from docent.retrieving.retriever import retrieve
from docent.retrieving.synonyms import Synonyms
from docent.retrieving.weights import OURS, Weights

__all__ = ["OURS", "Synonyms", "Weights", "retrieve"]
