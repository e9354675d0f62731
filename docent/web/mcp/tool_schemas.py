"""The arguments and results of the MCP tools; their schemas are what agents read."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from docent.answering.citing.verification import DifferenceKind, Verdict, VerifiedSentence
from docent.types import Citation, Passage, StoredDocument

LONGEST_QUESTION = 100_000
LONGEST_STATEMENT = 4_000
LONGEST_NAME = 1_000
LONGEST_CONTENT = 4_000_000
"""Characters; the HTTP transport takes 4 MB in all."""
MOST_LISTED = 500

Library = Annotated[str, Field(max_length=200, description="One library only; empty: all that you may see.")]
DocumentName = Annotated[
    str, Field(min_length=1, max_length=LONGEST_NAME, description="The document's id or file name.")
]


# --- arguments -----------------------------------------------------------------------------


class ToolArguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SearchArguments(ToolArguments):
    query: str = Field(min_length=1, max_length=LONGEST_QUESTION)
    library: Library = ""
    limit: int = Field(10, ge=1, le=50, description="The most passages.")


class AskArguments(ToolArguments):
    question: str = Field(min_length=1, max_length=LONGEST_QUESTION)
    library: Library = ""
    persona: str = Field("", max_length=200, description="The key of a persona, as the prompts list them.")


class VerifyArguments(ToolArguments):
    sentence: str = Field(
        min_length=1,
        max_length=LONGEST_STATEMENT,
        description="One statement, or a few sentences, each of which is checked.",
    )
    library: Library = ""


class ReadPageArguments(ToolArguments):
    document: DocumentName
    page: int = Field(1, ge=1, description="The page's number, counted from 1.")
    library: Library = ""
    image: bool = Field(False, description="Also return a picture of the page (of a PDF, PNG or JPEG).")
    start: int = Field(0, ge=0, description="First character to mark in the picture, as citations give it.")
    end: int = Field(0, ge=0, description="The character behind the last one to mark; 0: mark nothing.")


class ListDocumentsArguments(ToolArguments):
    library: Library = ""
    name: str = Field("", max_length=200, description="Only documents whose name or path holds this.")
    offset: int = Field(0, ge=0)
    limit: int = Field(100, ge=1, le=MOST_LISTED)


class AddDocumentArguments(ToolArguments):
    name: str = Field(min_length=1, max_length=200, description="File name with its ending, as notes.md.")
    text: str = Field("", max_length=LONGEST_CONTENT, description="The text of the file, or else `base64`.")
    base64: str = Field("", max_length=LONGEST_CONTENT, description="The bytes of the file, in base64.")
    library: str = Field("", max_length=200, description="Empty: the first of your key, or uploads.")


class AddFileArguments(AddDocumentArguments):
    """Of the server on stdin, which runs for the person whose files these are."""

    name: str = Field("", max_length=200, description="File name; empty: that of `path`.")
    path: str = Field("", max_length=4_000, description="A file of this machine, instead of its content.")


# --- results -------------------------------------------------------------------------------


class SourceResult(BaseModel):
    """Characters of a page."""

    document: str = Field(description="Id.")
    file: str
    library: str
    page: int
    place: str = Field(description="The place in a reader's words, such as p. 3 or slide 2.")
    start: int = Field(description="Of the quote, in characters of the page's text.")
    end: int
    quote: str
    uri: str = Field(description="The page as a resource.")
    origin: str = Field("", description="Of a document that a source brought: its address.")

    @classmethod
    def of(cls, citation: Citation) -> SourceResult:
        return cls(
            document=citation.document_id,
            file=citation.file,
            library=citation.library,
            page=citation.page,
            place=citation.place,
            start=citation.start,
            end=citation.end,
            quote=citation.quote,
            uri=page_uri(citation.document_id, citation.page),
            origin=citation.origin,
        )

    @property
    def where(self) -> str:
        return f"{self.origin or self.file}, {self.place}"

    @property
    def line(self) -> str:
        return f"{self.where} ({self.library}): “{' '.join(self.quote.split())}”"


class PassageResult(SourceResult):
    rank: int
    relevance: float

    @classmethod
    def ranked(cls, rank: int, passage: Passage) -> PassageResult:
        return cls(
            rank=rank,
            relevance=round(passage.relevance, 4),
            document=passage.document_id,
            file=passage.file,
            library=passage.library,
            page=passage.page,
            place=passage.place,
            start=passage.start,
            end=passage.end,
            quote=passage.text,
            uri=page_uri(passage.document_id, passage.page),
            origin=passage.origin,
        )


class SearchResult(BaseModel):
    passages: list[PassageResult]
    notices: list[str] = Field(description="Sentences for the reader, such as what was not searched.")


class CitationResult(SourceResult):
    n: int = Field(description="The number in the answer's text.")

    @classmethod
    def numbered(cls, citation: Citation) -> CitationResult:
        return cls(n=citation.n, **SourceResult.of(citation).model_dump())


class AskResult(BaseModel):
    answer: str = Field(description="The text, with citation numbers such as [1].")
    citations: list[CitationResult]
    found: bool = Field(description="False: the documents do not answer; `answer` says so.")
    unsupported: list[str] = Field(description="Sentences of the answer that no passage supports.")
    model: str = Field(description="The language model that wrote it; empty: none did.")
    notices: list[str]


class DifferenceResult(BaseModel):
    kind: DifferenceKind = Field(description="words: words that the nearest text does not have.")
    stated: str = Field(description="As the sentence has it.")
    found: list[str] = Field(description="What the nearest text has of that kind.")


class SentenceResult(BaseModel):
    sentence: str
    verdict: Verdict
    sources: list[SourceResult] = Field(description="The characters that support it.")
    missing: list[str] = Field(description="The sentence, or those of its halves that nothing supports.")
    nearest: SourceResult | None = Field(description="If unsupported: the text with most of its words.")
    differences: list[DifferenceResult] = Field(description="What the nearest text says otherwise.")

    @classmethod
    def of(cls, checked: VerifiedSentence) -> SentenceResult:
        return cls(
            sentence=checked.text,
            verdict=checked.verdict,
            sources=[SourceResult.of(citation) for citation in checked.sources],
            missing=list(checked.unsupported),
            nearest=None if checked.nearest is None else SourceResult.of(checked.nearest),
            differences=[
                DifferenceResult(kind=one.kind, stated=one.stated, found=list(one.found))
                for one in checked.differences
            ],
        )


class VerifyResult(BaseModel):
    verdict: Verdict = Field(
        description="The weakest of its sentences. supported: the documents say it. reworded: they have its "
        "figures, units, dates and names, but not the words in `differences`; judge whether these change "
        "the meaning. unsupported: they do not say it."
    )
    sentences: list[SentenceResult]


class PageResult(BaseModel):
    document: str
    file: str
    library: str
    page: int
    pages: int = Field(description="Of the document.")
    place: str
    text: str
    note: str = Field(description="Why the page is empty or doubtful; usually empty.")
    uri: str


class DocumentResult(BaseModel):
    document: str = Field(description="Id.")
    file: str
    library: str
    title: str
    kind: str
    pages: int
    state: str = Field(description="queued, loading, searchable, ready, partial or failed.")
    reason: str = Field(description="Why it failed, or what is missing of it.")
    uri: str

    @classmethod
    def of(cls, document: StoredDocument) -> DocumentResult:
        return cls(
            document=document.id,
            file=document.name,
            library=document.library,
            title=document.title,
            kind=document.kind,
            pages=document.pages,
            state=document.state,
            reason=document.reason,
            uri=document_uri(document.id),
        )


class DocumentListResult(BaseModel):
    libraries: list[str]
    total: int
    documents: list[DocumentResult]


class AddedResult(BaseModel):
    document: str = Field(description="Id.")
    file: str
    library: str
    state: str = Field(description="It answers questions once it is searchable, ready or partial.")
    reason: str
    pages: int
    replaces: list[str] = Field(description="Ids of older versions of the name, removed once it is read.")


def document_uri(document_id: str) -> str:
    return f"docent://documents/{document_id}"


def page_uri(document_id: str, page: int) -> str:
    return f"{document_uri(document_id)}/pages/{page}"
