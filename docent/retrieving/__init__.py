"""retrieve(question) → passages: the chunks of the documents that answer, best first."""

from docent.retrieving.dictionaries import Dictionaries
from docent.retrieving.figure_lines import FigureLines
from docent.retrieving.learned_weights import LearnedWeights
from docent.retrieving.retriever import retrieve
from docent.retrieving.scoring import DEFAULT_WEIGHTS, Weights
from docent.retrieving.synonyms import Synonyms
from docent.retrieving.translation import Translation, translate_question

__all__ = [
    "DEFAULT_WEIGHTS",
    "Dictionaries",
    "FigureLines",
    "LearnedWeights",
    "Synonyms",
    "Translation",
    "Weights",
    "retrieve",
    "translate_question",
]
