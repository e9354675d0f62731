"""A client of the model server, as the settings name it."""

from __future__ import annotations

from docent.answering.models.client import ModelClient, Timeouts
from docent.settings import Settings


def open_model(settings: Settings, *, name: str = "", url: str = "") -> ModelClient:
    """A client of the model server; it connects when it is asked something."""
    timeouts = Timeouts(settings.connect_timeout, settings.first_token_timeout, settings.token_timeout)
    if settings.provider == "openai":
        from docent.answering.models.openai_client import (
            OpenAIClient,  # 0.5 s to import, for those who use it
        )

        return OpenAIClient(
            name=name or settings.model,
            url=url or settings.model_url,
            key=settings.key,
            answer_tokens=settings.answer_tokens,
            temperature=settings.temperature,
            timeouts=timeouts,
        )
    from docent.answering.models.ollama_client import OllamaClient

    return OllamaClient(
        name=name or settings.model,
        url=url or settings.model_url,
        key=settings.key,
        context_tokens=settings.context_tokens,
        answer_tokens=settings.answer_tokens,
        temperature=settings.temperature,
        keep_alive=settings.keep_alive,
        timeouts=timeouts,
    )
