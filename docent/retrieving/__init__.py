"""retrieve(question) → passages: the chunks of the documents that answer, best first."""

from docent.retrieving.figure_lines import FigureLines
from docent.retrieving.retriever import retrieve
from docent.retrieving.scoring import DEFAULT_WEIGHTS, Weights
from docent.retrieving.synonyms import Synonyms

__all__ = ["DEFAULT_WEIGHTS", "FigureLines", "Synonyms", "Weights", "retrieve"]
