"""A model file, answered inside Docent: llama.cpp's server speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from docent.answering.models.client import (
    SAMPLING,
    ChatMessage,
    GenerationOptions,
    ModelStatus,
    Piece,
    ServedModel,
    Timeouts,
)
from docent.answering.models.gguf import read_model_file
from docent.answering.models.llamacpp_server import LlamaCppServer
from docent.answering.models.openai_client import BrokenOff, OpenAIClient
from docent.errors import ModelError, ModelMissing, ModelUnreachable
from docent.messages import Message


class LlamaCppClient(OpenAIClient):
    """A client of the model file that Docent serves itself."""

    sampling = SAMPLING

    def __init__(
        self,
        server: LlamaCppServer,
        *,
        name: str,
        answer_tokens: int,
        temperature: float,
        timeouts: Timeouts,
    ) -> None:
        super().__init__(
            name=name or server.name,
            url="http://127.0.0.1",
            key=server.key,
            answer_tokens=answer_tokens,
            temperature=temperature,
            timeouts=timeouts,
        )
        self._server = server

    async def _once(
        self, messages: Sequence[ChatMessage], options: GenerationOptions
    ) -> AsyncGenerator[Piece, None]:
        await self._connect()
        try:
            async with aclosing(super()._once(messages, options)) as pieces:
                async for piece in pieces:
                    yield piece
        except (BrokenOff, ModelUnreachable) as error:
            ending = await asyncio.to_thread(self._server.ending)
            if ending is None:
                raise
            raise BrokenOff(
                Message(
                    "{model} stopped: llama.cpp crashed ({why}). Ask again; it starts with the next "
                    "question.",
                    model=self.name,
                    why=ending,
                )
            ) from error

    async def _connect(self) -> None:
        """Wait until the model is loaded. Raises ModelError."""
        if self.name != self._server.name:
            raise ModelMissing(
                "Docent serves the model file {file} and no model {model!r}. Choose that, or name another "
                "file in DOCENT_MODEL.",
                file=self._server.name,
                model=self.name,
            )
        # Shielded: whoever stops waiting does not stop the loading, which others wait for.
        self._url = await asyncio.shield(asyncio.wrap_future(self._server.address()))

    async def parameters(self) -> int | None:
        return (await asyncio.to_thread(read_model_file, self._server.model)).parameters

    async def models(self) -> tuple[str, ...]:
        return (self._server.name,)

    async def describe(self) -> tuple[ServedModel, ...]:
        file = await asyncio.to_thread(read_model_file, self._server.model)
        return (ServedModel(self._server.name, file.bytes, file.trained_context),)

    async def check(self) -> ModelStatus:
        try:
            await self._connect()
        except ModelError as error:
            return ModelStatus(False, error.message, "see data/handbook/choosing-a-model.md")
        return ModelStatus(True, f"{self.name}, inside Docent")

    async def warm(self) -> None:
        await self._connect()

    def _missing(self) -> ModelMissing:
        return ModelMissing(
            "DOCENT_MODEL names a model file, which Docent does not fetch. Download a GGUF file, and set "
            "DOCENT_MODEL to its path."
        )
