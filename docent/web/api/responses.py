"""What is answered, for the description at /openapi.json: nothing is checked against it while serving."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from docent.types import Receipt
from docent.web.api.http_errors import KINDS


class Fault(BaseModel):
    message: str = Field(description="A sentence for a person: what happened, why, and what to do.")
    type: str
    param: str | None
    code: str | None


class Failure(BaseModel):
    error: Fault


MEANINGS = {
    400: "The request cannot be answered as it is.",
    401: "A key is needed, or this one is unknown or over.",
    403: "Not with this key, which is for some libraries or only reads, or from a page of another origin.",
    404: "It does not exist, or this key may not see it; which of the two is not told.",
    405: "The route does not take this method.",
    408: "The request came too slowly.",
    413: "The body or file is larger than it may be.",
    422: "The body is not as described here, or the file cannot be read.",
    429: "This key asks too often; Retry-After says when to come back.",
    500: "A mistake of ours.",
    503: "The model server or the store is not to be reached just now, or the model broke its answer off.",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Failure, "description": meaning} for status, meaning in MEANINGS.items()
}
assert set(KINDS) == set(MEANINGS)


class Health(BaseModel):
    status: Literal["ok"]


class Ready(BaseModel):
    status: Literal["ready"]
    missing: list[str] = Field(description="What keeps it from answering, or from answering well.")


class Model(BaseModel):
    id: str = Field(examples=["docent", "library/internships", "persona/guide"])
    object: Literal["model"]
    created: int
    owned_by: str


class Models(BaseModel):
    object: Literal["list"]
    data: list[Model]


class Passage(BaseModel):
    rank: int
    file: str
    library: str
    page: int
    page_label: str
    place: str
    heading: str
    text: str
    score: float = Field(description="Orders the passages of one question; not comparable between questions.")
    relevance: float
    chunk_id: str
    document_id: str


class Citation(BaseModel):
    n: int = Field(description="The number in the text.")
    file: str
    library: str
    page: int
    page_label: str
    place: str
    start: int = Field(description="Of the quote, in characters of the page's text.")
    end: int
    quote: str


class Answer(BaseModel):
    answer: str = Field(description="The text as it was checked: unknown citation numbers are gone.")
    citations: list[Citation]
    passages: list[Passage]
    receipt: Receipt


class Usage(BaseModel):
    prompt_tokens: int = Field(description="As the model server counted; 0 where no model answered.")
    completion_tokens: int
    total_tokens: int


class Said(BaseModel):
    role: Literal["assistant"]
    content: str
    refusal: None


class Choice(BaseModel):
    index: Literal[0]
    message: Said
    finish_reason: Literal["stop", "length"]
    logprobs: None


class Completion(BaseModel):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: Usage
    docent: Answer = Field(description="What is beyond OpenAI's protocol: citations, passages, receipt.")


class Found(BaseModel):
    object: Literal["list"]
    data: list[Passage]
    notices: list[str] = Field(description="What a person should know, such as what was not searched.")


class Vector(BaseModel):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class TextUsage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class Vectors(BaseModel):
    object: Literal["list"]
    data: list[Vector]
    model: str
    usage: TextUsage


class Standing(BaseModel):
    library: str
    state: Literal["queued", "loading", "searchable", "ready", "partial", "failed"]
    pages: int
    unread_pages: int = 0
    chunks: int = 0
    embedded: int = 0
    replaces: list[str] = Field(
        [],
        description="Told once, when a file is handed in: the older version of that name in that library, "
        "which answers until the new one is read, and is gone then.",
    )


class File(BaseModel):
    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: Literal["uploaded", "processing", "processed", "error"]
    status_details: str | None = Field(description="Why it could not be read, or what is missing of it.")
    docent: Standing


class Files(BaseModel):
    object: Literal["list"]
    data: list[File]
    has_more: Literal[False]


class Left(BaseModel):
    found: dict[str, int]
    left: dict[str, int] = Field(description="What remains of it: nothing.")


class Deleted(BaseModel):
    id: str
    object: Literal["file"]
    deleted: Literal[True]
    docent: Left


def of(model: type[BaseModel], **content: Any) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers so."""
    return {200: {"model": model, **({"content": content} if content else {})}}
