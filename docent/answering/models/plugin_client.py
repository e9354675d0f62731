"""A model client of another package, whose errors become ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any, TypeVar

from docent.answering.models.client import (
    DEFAULT_OPTIONS,
    ChatMessage,
    GenerationOptions,
    ModelClient,
    ModelStatus,
    Piece,
    ServedModel,
    ToolCallingModel,
)
from docent.errors import ModelError, ModelFailed
from docent.plugins import check_protocol, failed_plugin, load_plugin
from docent.types import StepProgress

Result = TypeVar("Result")


class PluginModel:
    """The client that a plugin opens."""

    def __init__(self, plugin: str, **options: Any) -> None:
        self._plugin = plugin
        opener = load_plugin("models", plugin)
        try:
            client = opener(**options)
        except Exception as error:  # a foreign package may raise anything
            raise failed_plugin(plugin, error) from error
        check_protocol(client, ModelClient, plugin)
        self._client: ModelClient = client
        self.name = str(client.name)

    async def stream(
        self, messages: Sequence[ChatMessage], options: GenerationOptions = DEFAULT_OPTIONS
    ) -> AsyncGenerator[Piece, None]:
        with self._naming_plugin():
            async with aclosing(self._client.stream(messages, options)) as pieces:
                async for piece in pieces:
                    if not isinstance(piece, Piece):
                        raise TypeError(f"{type(piece).__name__} is no Piece")
                    yield piece

    async def check(self) -> ModelStatus:
        try:
            return await self._asked(self._client.check())
        except ModelError as error:
            return ModelStatus(False, str(error), "update the package of the plugin, or set DOCENT_PROVIDER")

    async def parameters(self) -> int | None:
        return await self._asked(self._client.parameters())

    async def calls_tools(self) -> bool:
        """Ask the plugin, if it knows."""
        return (
            await self._asked(self._client.calls_tools())
            if isinstance(self._client, ToolCallingModel)
            else False
        )

    async def models(self) -> tuple[str, ...]:
        return await self._asked(self._client.models())

    async def describe(self) -> tuple[ServedModel, ...]:
        return await self._asked(self._client.describe())

    async def pull(self) -> AsyncGenerator[StepProgress, None]:
        with self._naming_plugin():
            async with aclosing(self._client.pull()) as steps:
                async for step in steps:
                    yield step

    async def warm(self) -> None:
        await self._asked(self._client.warm())

    async def _asked(self, answer: Awaitable[Result]) -> Result:
        with self._naming_plugin():
            return await answer

    @contextmanager
    def _naming_plugin(self) -> Iterator[None]:
        """Raise any error of the plugin as one of a model, with a sentence that names the plugin."""
        try:
            yield
        except ModelError:
            raise
        except Exception as error:  # a foreign package may raise anything
            raise ModelFailed(failed_plugin(self._plugin, error).message) from error
