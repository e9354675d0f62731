"""Retrieval of an opened Docent: from a question in a scope to passages, translated where it must be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from docent.app.parts import Parts
from docent.app.source_schedule import with_origins
from docent.errors import UnknownLibrary
from docent.messages import Message
from docent.types import Passage, Scope

if TYPE_CHECKING:  # imported when a storage folder is opened
    from docent.retrieving import Translation, Weights
    from docent.retrieving.asked_closeness import SentenceEmbedder
    from docent.retrieving.scoring import ScoredCandidate

CANDIDATES = 20
"""Passages found for a question; the settings say how many of them are sent."""


class Retrieval(Parts):
    """The parts of a run, with the search that the chat, the API and the commands share."""

    def retrieve(
        self,
        question: str,
        scope: Scope,
        limit: int = CANDIDATES,
        *,
        translations: Sequence[Translation] | None = None,
        weights: Weights | None = None,
        embedder: SentenceEmbedder | None = None,
        on_candidates: Callable[[Sequence[ScoredCandidate]], None] | None = None,
    ) -> list[Passage]:
        """Return the passages that may answer the question, best first.

        Documents in another language are searched by a translation, from dictionaries unless one is given.
        Other weights, or another embedder of the same vectors, are for trying them out.
        """
        from docent.retrieving import retrieve

        if translations is None:
            translations = self.translate(question, scope)
        passages = retrieve(
            question,
            scope=scope,
            store=self.store,
            embedder=embedder or self.embedder,
            limit=limit,
            weights=weights,
            learned=self.learned_weights,
            synonyms=self.synonyms,
            figure_lines=self.figure_lines,
            rerank=self.rerank,
            translations=translations,
            on_candidates=on_candidates,
        )
        passages = self.plugins.refine(question, passages)
        return passages if self.sources is None else with_origins(passages, self.sources)

    def translate(self, question: str, scope: Scope) -> list[Translation]:
        """Return the question in the languages of the documents in scope other than its own."""
        from docent.retrieving import translate_question

        return translate_question(
            question,
            scope,
            store=self.store,
            dictionaries=self.dictionaries,
            embedded=getattr(self.embedder, "languages", ()),  # few engines know
        )

    def _scope(self, library: str, scope: Scope | None) -> Scope:
        if library:
            self.check_library(library)
        scope = scope or Scope()
        return replace(scope, libraries=(library,)) if library else scope

    def check_library(self, name: str | None) -> None:
        """Raise UnknownLibrary, naming the libraries that exist, if there is none of this name."""
        existing = self.store.libraries(None)
        if name and name not in existing:
            known = (
                Message("There are: {names}.", names=", ".join(existing))
                if existing
                else Message("Nothing has been ingested yet.")
            )
            raise UnknownLibrary(
                "There is no library {name!r}. {known} A folder of {data} becomes one with: "
                "python -m docent ingest",
                name=name,
                known=known,
                data=self.settings.data,
            )
