"""Answers and passages as the Python interface returns them: each page in them can be read and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from docent.errors import StoreError
from docent.types import Answer, Citation, Page, Passage, Scope

if TYPE_CHECKING:
    from docent.app.docent import Docent


class OpenPage(int):
    """The number of a page, with which the page itself is read and drawn while its Docent is open."""

    def __new__(cls, place: Passage | Citation, *, docent: Docent, scope: Scope) -> Self:
        page = super().__new__(cls, place.page)
        page._document_id, page._file, page._span = place.document_id, place.file, (place.start, place.end)
        page._docent, page._scope = docent, scope
        return page

    _document_id: str
    _file: str
    _span: tuple[int, int]
    _docent: Docent
    _scope: Scope

    @property
    def text(self) -> str:
        """The text of the whole page, in which a citation is `text[citation.start:citation.end]`."""
        return self.read().text

    def read(self) -> Page:
        """Return the page as it was stored: text, label, headings, and how it was read."""
        return self._opened().store.page(self._document_id, int(self), self._scope)

    def png(self) -> bytes:
        """Return a picture of the page with the words boxed, of a PDF or an image. Raises LoadError."""
        docent = self._opened()
        return docent.picture(self._document_id, int(self), [self._span], file=self._file, scope=self._scope)

    def _opened(self) -> Docent:
        if self._docent.closed:
            raise StoreError("This Docent is closed. Read and draw pages inside its `with` block.")
        return self._docent

    def __reduce__(self) -> tuple[type[int], tuple[int]]:
        return int, (int(self),)  # a copy, in another process or in JSON, is a plain number


@dataclass(frozen=True, slots=True)
class OpenPassage(Passage):
    """A passage whose page can be opened."""

    page: OpenPage


@dataclass(frozen=True, slots=True)
class OpenCitation(Citation):
    """A citation whose page can be opened."""

    page: OpenPage


@dataclass(frozen=True, slots=True)
class OpenAnswer(Answer):
    """An answer whose citations and passages can be opened."""

    citations: tuple[OpenCitation, ...]
    passages: tuple[OpenPassage, ...]


def open_passages(passages: Sequence[Passage], *, docent: Docent, scope: Scope) -> list[OpenPassage]:
    """Return the passages with pages that can be opened by whoever may read that scope."""
    return [
        OpenPassage(**_values(passage) | {"page": OpenPage(passage, docent=docent, scope=scope)})
        for passage in passages
    ]


def open_answer(answer: Answer, *, docent: Docent, scope: Scope) -> OpenAnswer:
    """Return the answer with citations and passages that can be opened."""
    citations = (
        OpenCitation(**_values(citation) | {"page": OpenPage(citation, docent=docent, scope=scope)})
        for citation in answer.citations
    )
    passages = open_passages(answer.passages, docent=docent, scope=scope)
    return OpenAnswer(answer.text, tuple(citations), tuple(passages), answer.receipt)


def _values(value: Passage | Citation) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}
