"""The stand-in Ollama server keeps to the protocol: seen through the real `ollama` client."""

from __future__ import annotations

import ollama as package
import pytest

PASSAGES = (
    "[1] Cats sleep. Dogs bark at night.\n[2] The fee is 20 euros a month.\n\nQuestion: How high is the fee?"
)


def ask(content: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": content}]


def test_chat_streams_an_answer_and_cites_its_passage(ollama):
    """Left alone, the server answers with the closest sentence and its number, token by token."""
    parts = list(package.Client(ollama.url).chat("mistral", ask(PASSAGES), stream=True))
    assert "".join(part.message.content for part in parts) == "The fee is 20 euros a month. [2]"
    assert [part.done for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1].done_reason == "stop"
    assert parts[-1].eval_count == len(parts) - 1


def test_an_unknown_model_is_not_found(ollama):
    """Asking a model that is not installed is a 404 with the real server's words."""
    with pytest.raises(package.ResponseError, match="model 'llama3' not found") as refused:
        package.Client(ollama.url).chat("llama3", ask("Hello"))
    assert refused.value.status_code == 404
