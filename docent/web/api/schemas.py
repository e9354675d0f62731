"""Requests and responses of the HTTP API, as clients of OpenAI write and read them.

Fields of a request that Docent does not know are ignored. Responses are described here for /openapi.json
and not checked while serving.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from docent.types import Receipt
from docent.web.api.http_errors import KINDS

Json = dict[str, Any]

LONGEST_TEXT = 100_000
MOST_MESSAGES = 1_000
MOST_INPUTS = 512
MOST_STOPS = 16
MOST_TOOLS = 128
MOST_CALLS = 64
FUNCTION_NAME = r"^[a-zA-Z0-9_.-]{1,64}$"

Stop = Annotated[str, Field(min_length=1, max_length=1_000)]


# --- requests ------------------------------------------------------------------------------


class RequestBody(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class NamedFile(RequestBody):
    file_id: str | None = Field(None, max_length=200, description="The id of one of /v1/files.")


class ContentPart(RequestBody):
    type: str = Field(
        max_length=100,
        description="text, or file with a file_id; anything else, such as image_url, is not read.",
    )
    text: str | None = Field(None, max_length=LONGEST_TEXT)
    file: NamedFile | None = None

    @property
    def file_id(self) -> str:
        """The file that a part of type `file` names; empty for a file that is sent along."""
        return (self.file.file_id if self.type == "file" and self.file else None) or ""


class CalledFunction(RequestBody):
    name: str = Field(max_length=64)
    arguments: str = Field("{}", max_length=LONGEST_TEXT, description="A JSON object, as text.")


class AskedToolCall(RequestBody):
    id: str = Field(min_length=1, max_length=200)
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(RequestBody):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str, Field(max_length=LONGEST_TEXT)] | list[ContentPart] | None = None
    tool_calls: list[AskedToolCall] | None = Field(
        None, max_length=MOST_CALLS, description="Of an assistant's message: the calls that it asked for."
    )
    tool_call_id: str | None = Field(
        None, max_length=200, description="Of a tool's message: the call whose result it is."
    )

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text or "" for part in self.content if part.type == "text")
        return self.content or ""

    @property
    def unreadable_type(self) -> str:
        """The type of the first part that is not text."""
        parts = self.content if isinstance(self.content, list) else []
        return next((part.type for part in parts if part.type != "text" and not part.file_id), "")

    @property
    def files(self) -> list[str]:
        """The ids of the files that it names."""
        parts = self.content if isinstance(self.content, list) else []
        return [part.file_id for part in parts if part.file_id]


class StreamOptions(RequestBody):
    include_usage: bool = False


class OfferedFunction(RequestBody):
    name: str = Field(pattern=FUNCTION_NAME)
    description: str | None = Field(None, max_length=10_000)
    parameters: Json | None = Field(None, description="A JSON schema of its arguments.")
    strict: bool | None = None


class OfferedTool(RequestBody):
    type: Literal["function"]
    function: OfferedFunction


class ChosenFunctionName(RequestBody):
    name: str = Field(pattern=FUNCTION_NAME)


class ChosenFunction(RequestBody):
    type: Literal["function"]
    function: ChosenFunctionName


class SchemaFormat(RequestBody):
    name: str = Field(pattern=FUNCTION_NAME)
    description: str | None = Field(None, max_length=10_000)
    json_schema: Json | None = Field(None, alias="schema")
    strict: bool | None = None


class ResponseFormat(RequestBody):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaFormat | None = Field(None, description="With type json_schema.")


class ChatRequest(RequestBody):
    """A conversation whose last message is the question."""

    model: str = Field(max_length=200, description="One of /v1/models.")
    messages: list[ChatMessage] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(
        None,
        ge=1,
        le=1_000_000,
        description="The longest answer: at least 16, at most half of the model's window.",
    )
    max_completion_tokens: int | None = Field(
        None, ge=1, le=1_000_000, description="The newer name of max_tokens; it wins."
    )
    stop: Stop | Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = Field(
        None, description="The answer ends before the first of these."
    )
    n: Literal[1] | None = Field(None, description="Only one answer is given.")
    response_format: ResponseFormat | None = Field(
        None, description="Answer in JSON; `docent.fields` has the citation of each value, or null."
    )
    tools: list[OfferedTool] | None = Field(
        None, max_length=MOST_TOOLS, description="Tools of the client, which the model may call."
    )
    tool_choice: Literal["auto", "none", "required"] | ChosenFunction | None = None
    parallel_tool_calls: bool | None = None

    @property
    def answer_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def stop_sequences(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class EmbeddingsRequest(RequestBody):
    input: (
        Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
        | Annotated[
            list[Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]],
            Field(min_length=1, max_length=MOST_INPUTS),
        ]
    )
    model: str = Field("", max_length=200)
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = Field(None, description="If given, the number of the embedding model.")

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


class SearchRequest(RequestBody):
    query: str = Field(min_length=1, max_length=LONGEST_TEXT)
    limit: int = Field(10, ge=1, le=100)
    library: str = Field("", max_length=200)
    file: str = Field("", max_length=1_000, description="Only in the document of this id or file name.")


# --- responses -----------------------------------------------------------------------------


class ErrorBody(BaseModel):
    message: str = Field(description="A sentence for a person: what happened, why, and what to do.")
    type: str
    param: str | None
    code: str | None


class ErrorResponse(BaseModel):
    error: ErrorBody


MEANINGS = {
    400: "The request cannot be answered as it is.",
    401: "A key is needed, or this one is unknown or has expired.",
    403: "Not with this key, which is for some libraries or read-only, or a page of another origin asks.",
    404: "It does not exist, or this key may not see it; the answer does not tell which.",
    405: "The route does not take this method.",
    408: "The request came too slowly.",
    413: "The body or file is larger than it may be.",
    422: "The body is not as described here, or the file cannot be read.",
    429: "This key asks too often; Retry-After says when to come back.",
    500: "A bug in Docent.",
    503: "The model server or the store cannot be reached just now, the model broke off its answer, or too "
    "many requests wait.",
}
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": meaning} for status, meaning in MEANINGS.items()
}
assert set(KINDS) == set(MEANINGS)


class HealthResponse(BaseModel):
    status: Literal["ok"]


class ReadyResponse(BaseModel):
    status: Literal["ready"]
    missing: list[str] = Field(description="What keeps it from answering, or from answering well.")


class ModelBody(BaseModel):
    id: str = Field(examples=["docent", "library/internships", "persona/guide"])
    object: Literal["model"]
    created: int
    owned_by: str


class ModelListResponse(BaseModel):
    object: Literal["list"]
    data: list[ModelBody]


class PassageBody(BaseModel):
    rank: int
    file: str
    library: str
    page: int
    page_label: str
    place: str
    heading: str
    text: str
    score: float = Field(
        description="Orders the passages of one question; do not compare it between questions."
    )
    relevance: float
    chunk_id: str
    document_id: str
    origin: str = Field("", description="Only of a document that a source brought: its address.")


class CitationBody(BaseModel):
    n: int = Field(description="The number in the text.")
    file: str
    library: str
    page: int
    page_label: str
    place: str
    start: int = Field(description="Of the quote, in characters of the page's text.")
    end: int
    quote: str
    origin: str = Field("", description="Only of a document that a source brought: its address.")


class AnswerBody(BaseModel):
    answer: str = Field(description="The checked text, without unknown citation numbers.")
    citations: list[CitationBody]
    fields: dict[str, CitationBody | None] = Field(
        {},
        description="Only with response_format: the citation of each value, by its JSON pointer; null for a "
        "value that no passage supports.",
    )
    passages: list[PassageBody]
    receipt: Receipt


class UsageBody(BaseModel):
    prompt_tokens: int = Field(description="As the model server counted; 0 where no model answered.")
    completion_tokens: int
    total_tokens: int


class FunctionBody(BaseModel):
    name: str
    arguments: str = Field(description="A JSON object, as text.")


class ToolCallBody(BaseModel):
    id: str
    type: Literal["function"]
    function: FunctionBody


class AssistantMessageBody(BaseModel):
    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: list[ToolCallBody] = Field([], description="Only where the model calls tools of the client.")


class ChoiceBody(BaseModel):
    index: Literal[0]
    message: AssistantMessageBody
    finish_reason: Literal["stop", "length", "tool_calls"]
    logprobs: None


class CompletionResponse(BaseModel):
    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[ChoiceBody]
    usage: UsageBody
    docent: AnswerBody = Field(description="What is beyond OpenAI's protocol: citations, passages, receipt.")


class SearchResponse(BaseModel):
    object: Literal["list"]
    data: list[PassageBody]
    notices: list[str] = Field(description="Sentences for the reader, such as what was not searched.")


class EmbeddingBody(BaseModel):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsageBody(BaseModel):
    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(BaseModel):
    object: Literal["list"]
    data: list[EmbeddingBody]
    model: str
    usage: EmbeddingUsageBody


class FileProgressBody(BaseModel):
    library: str
    state: Literal["queued", "loading", "searchable", "ready", "partial", "failed"]
    pages: int
    unread_pages: int = 0
    chunks: int = 0
    embedded: int = 0
    replaces: list[str] = Field(
        [],
        description="Only in the response to an upload: the older version of that name in that library, "
        "which is used until the new one is read, and is deleted then.",
    )


class FileBody(BaseModel):
    id: str
    object: Literal["file"]
    bytes: int
    created_at: int
    filename: str
    purpose: str
    status: Literal["uploaded", "processing", "processed", "error"]
    status_details: str | None = Field(description="Why it could not be read, or what is missing of it.")
    docent: FileProgressBody


class FileListResponse(BaseModel):
    object: Literal["list"]
    data: list[FileBody]
    has_more: Literal[False]


class DeletionBody(BaseModel):
    found: dict[str, int]
    left: dict[str, int] = Field(description="What remains of it; 0 everywhere.")


class FileDeletedResponse(BaseModel):
    id: str
    object: Literal["file"]
    deleted: Literal[True]
    docent: DeletionBody


def success(model: type[BaseModel], **content: Any) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route whose success has this body."""
    return {200: {"model": model, **({"content": content} if content else {})}}
