"""What a request may say, as the clients of OpenAI say it. What Docent has no use for is let by."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST_TEXT = 100_000
MOST_MESSAGES = 1_000
MOST_INPUTS = 512
MOST_STOPS = 16

Stop = Annotated[str, Field(min_length=1, max_length=1_000)]


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class Part(Body):
    type: str = Field(max_length=100, description="text; anything else, such as image_url, is not read.")
    text: str | None = Field(None, max_length=LONGEST_TEXT)


class Message(Body):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: Annotated[str, Field(max_length=LONGEST_TEXT)] | list[Part] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text or "" for part in self.content if part.type == "text")
        return self.content or ""

    @property
    def unread(self) -> str:
        """The kind of a part that is no text."""
        parts = self.content if isinstance(self.content, list) else []
        return next((part.type for part in parts if part.type != "text"), "")


class StreamOptions(Body):
    include_usage: bool = False


class ChatRequest(Body):
    """A conversation whose last message is the question."""

    model: str = Field(max_length=200, description="One of /v1/models.")
    messages: list[Message] = Field(min_length=1, max_length=MOST_MESSAGES)
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
        None, ge=1, le=1_000_000, description="The newer name of max_tokens; goes before it."
    )
    stop: Stop | Annotated[list[Stop], Field(max_length=MOST_STOPS)] | None = Field(
        None, description="The answer ends before the first of these."
    )
    n: Literal[1] | None = Field(None, description="One answer; no more.")

    @property
    def longest(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def stops(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())


class EmbeddingsRequest(Body):
    input: (
        Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]
        | Annotated[
            list[Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]],
            Field(min_length=1, max_length=MOST_INPUTS),
        ]
    )
    model: str = Field("", max_length=200)
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = Field(None, description="Of the vectors, if given: the embedding model's own.")

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


class SearchRequest(Body):
    query: str = Field(min_length=1, max_length=LONGEST_TEXT)
    limit: int = Field(10, ge=1, le=100)
    library: str = Field("", max_length=200)
    file: str = Field("", max_length=1_000, description="Only in the document of this id or file name.")


Json = dict[str, Any]
