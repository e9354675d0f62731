"""What a request may say, as the clients of OpenAI say it. What Docent has no use for is let by."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

LONGEST_TEXT = 100_000
MOST_MESSAGES = 1_000
MOST_INPUTS = 512


class Body(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class TextPart(Body):
    type: Literal["text"]
    text: str = Field(max_length=LONGEST_TEXT)


class Message(Body):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Annotated[str, Field(max_length=LONGEST_TEXT)] | list[TextPart] | None = None

    @property
    def text(self) -> str:
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(Body):
    include_usage: bool = False


class ChatRequest(Body):
    """A conversation whose last message is the question."""

    model: str = Field(max_length=200, description="One of /v1/models.")
    messages: list[Message] = Field(min_length=1, max_length=MOST_MESSAGES)
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1, le=1_000_000)
    max_completion_tokens: int | None = Field(None, ge=1, le=1_000_000)
    stop: Annotated[str, Field(min_length=1)] | list[Annotated[str, Field(min_length=1)]] | None = None
    n: Literal[1] | None = None

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
    encoding_format: Literal["float", "base64"] = "float"

    @property
    def texts(self) -> list[str]:
        return [self.input] if isinstance(self.input, str) else self.input


class SearchRequest(Body):
    query: str = Field(min_length=1, max_length=LONGEST_TEXT)
    limit: int = Field(10, ge=1, le=100)
    library: str = Field("", max_length=200)
    file: str = Field("", max_length=1_000, description="Only in the document of this id or file name.")


Json = dict[str, Any]
