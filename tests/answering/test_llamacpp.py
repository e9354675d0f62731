"""A model file that Docent serves itself: its process, and files that cannot be served."""

from __future__ import annotations

import asyncio
import os
import signal
import struct
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from docent.answering import replies_without_model as replies
from docent.answering.models import llamacpp_server
from docent.answering.models.client import GenerationOptions
from docent.answering.models.gguf import read_model_file
from docent.app import open_docent
from docent.errors import ModelError, ModelFailed, ModelMissing, ModelTimeout
from docent.settings import Settings
from tests.answering.build import answer_of, events, notices
from tests.fakes.real_model import client_of, server_of

ROOT = Path(__file__).resolve().parents[2]
MESSAGES = [{"role": "user", "content": "Count to ten."}]


async def text_of(client: Any, options: GenerationOptions = GenerationOptions()) -> str:  # noqa: B008
    async with aclosing(client.stream(MESSAGES, options)) as pieces:
        return "".join([piece.text async for piece in pieces])


async def until(holds: Callable[[], bool], *, within: float = 60.0) -> None:
    async with asyncio.timeout(within):
        while not holds():
            await asyncio.sleep(0.02)


@pytest.fixture
def serve() -> Iterator[Any]:
    """Make servers that are closed after the test."""
    servers = []

    def make(file: Path, **changes: float) -> Any:
        servers.append(server_of(file, **changes))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


# --- the process ---------------------------------------------------------------------------


async def test_the_answer_streams_with_real_counts(real_model):
    """Tokens arrive one by one, and the last piece has the counts of the model's own vocabulary."""
    pieces = [piece async for piece in client_of(real_model, answer_tokens=12).stream(MESSAGES)]
    assert sum(bool(piece.text) for piece in pieces) > 5
    assert 30 < pieces[-1].prompt_tokens < 60  # the chat template and its own instructions included
    assert 0 < pieces[-1].answer_tokens <= 12


def test_only_this_machine_and_only_with_the_key(real_model):
    """The server listens on 127.0.0.1 and refuses whoever lacks the key of this start."""
    address = real_model.address().result()
    assert address.startswith("http://127.0.0.1:")
    for headers in ({}, {"authorization": "Bearer none"}):
        request = urllib.request.Request(f"{address}/v1/models", headers=headers)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        assert refused.value.code == 401
        refused.value.close()


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def test_stop_reaches_the_model(real_model):
    """Closing a stream ends the generation: the process rests, long before the answer would have ended."""
    options = GenerationOptions(answer_tokens=1500)
    async with aclosing(client_of(real_model).stream(MESSAGES, options)) as pieces:
        await anext(pieces)
    before = processor_seconds(real_model.pid)

    async def resting() -> None:
        last = -1.0
        while (now := processor_seconds(real_model.pid)) != last:
            last = now
            await asyncio.sleep(0.3)

    await asyncio.wait_for(resting(), 60)
    assert processor_seconds(real_model.pid) - before < 5  # 1,500 tokens take 60


async def test_a_crash_ends_one_answer_and_the_next_question_starts_it_again(gguf, serve):
    """Docent lives on, says what happened, and loads the model again."""
    server = serve(gguf)
    client = client_of(server, answer_tokens=1500)
    with pytest.raises(ModelFailed, match=r"llama\.cpp crashed \(killed by SIGSEGV\)\. Ask again"):
        async with aclosing(client.stream(MESSAGES)) as pieces:
            await anext(pieces)
            await anext(pieces)
            os.kill(server.pid, signal.SIGSEGV)
            async for _ in pieces:
                pass
    assert await text_of(client_of(server, answer_tokens=4))


async def test_a_crash_before_the_first_word_is_tried_again(gguf, serve):
    """A process that died between two questions is noticed, and nobody is told."""
    server = serve(gguf)
    await client_of(server).warm()
    os.kill(server.pid, signal.SIGKILL)
    assert await text_of(client_of(server, answer_tokens=4))


async def test_the_process_ends_with_docent(gguf, tmp_path):
    """Even when Docent is killed, no model is left in memory."""
    code = (
        "import sys; from pathlib import Path; from tests.fakes.real_model import server_of\n"
        f"server = server_of(Path({str(gguf)!r})); server.address().result()\n"
        "print(server.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as docent:
        pid = int(docent.stdout.readline())
        assert alive(pid)
        docent.kill()
        await until(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_no_settings_and_no_keys_in_its_environment(gguf, serve, monkeypatch):
    """A model file is foreign data: what took the process over would find no secret."""
    monkeypatch.setenv("DOCENT_MODEL_KEY", "sk-secret")
    server = serve(gguf)
    await client_of(server).warm()
    environment = Path(f"/proc/{server.pid}/environ").read_bytes()
    arguments = Path(f"/proc/{server.pid}/cmdline").read_bytes()
    assert b"secret" not in environment
    assert server.key.encode() not in environment + arguments


async def test_closing_while_it_loads(gguf, serve):
    """Docent does not wait for a model that nobody will ask."""
    server = serve(gguf)
    address = server.address()
    server.close()
    with pytest.raises(ModelError):
        await asyncio.wrap_future(address)
    assert not server.alive


# --- files that cannot be served -----------------------------------------------------------


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def renamed(data: bytes) -> bytes:
    return data.replace(struct.pack("<Q5s", 5, b"llama"), struct.pack("<Q5s", 5, b"lhama"), 1)


def claiming(data: bytes) -> bytes:
    return data[:8] + struct.pack("<QQ", 1 << 60, 1 << 60) + data[24:]


BAD = [
    pytest.param(cut, "corrupted or incomplete", id="cut off"),
    pytest.param(lambda data: data[:5000], "cannot be read. Download it again", id="cut off in the header"),
    pytest.param(claiming, "cannot be read. Download it again", id="claims a header of any length"),
    pytest.param(renamed, "unknown model architecture: 'lhama'", id="unknown architecture"),
    pytest.param(lambda data: b"", "is not a GGUF model file", id="empty"),
    pytest.param(lambda data: b"PK\3\4" + data[4:], "is not a GGUF model file", id="another format"),
]


@pytest.mark.parametrize(("damage", "said"), BAD)
async def test_a_bad_file_has_its_sentence_and_the_passages_answer(damage, said, gguf, serve, tmp_path):
    """The person is told what is wrong with the file, and is shown the best sentences found."""
    file = tmp_path / "model.gguf"
    file.write_bytes(damage(gguf.read_bytes()))
    found = await events("When does the museum open?", client_of(serve(file)))
    assert said in notices(found)
    assert replies.NO_MODEL in notices(found)
    assert str(tmp_path) not in notices(found)
    assert answer_of(found).citations


async def test_a_file_that_is_not_there(serve, tmp_path):
    """The name is told, and the setting to correct."""
    client = client_of(serve(tmp_path / "mistral.gguf"))
    with pytest.raises(ModelMissing, match=r"mistral\.gguf cannot be read .*Correct DOCENT_MODEL"):
        await text_of(client)
    with pytest.raises(ModelMissing, match="Download a GGUF file"):
        await anext(client.pull())


async def test_a_file_larger_than_memory_is_not_loaded(gguf, serve, monkeypatch, tmp_path):
    """Memory is compared before anything is loaded, and both figures are told."""
    (tmp_path / "meminfo").write_text("MemTotal: 900000 kB\nMemAvailable: 300000 kB\n")
    monkeypatch.setattr(llamacpp_server, "MEMINFO", tmp_path / "meminfo")
    server = serve(gguf)
    with pytest.raises(ModelFailed, match=r"needs 0\.4 GB of memory, and 0\.3 GB are free"):
        await text_of(client_of(server))
    assert server.pid is None


def test_a_containers_limit_counts(monkeypatch, tmp_path):
    """What a container may not take is not free."""
    monkeypatch.setattr(llamacpp_server, "CONTAINER", tmp_path)
    (tmp_path / "memory.current").write_text("400\n")
    (tmp_path / "memory.max").write_text("1000\n")
    assert llamacpp_server.free_memory() == 600
    (tmp_path / "memory.max").write_text("max\n")
    assert llamacpp_server.free_memory() > 600


async def test_more_context_than_the_model_was_trained_on(gguf, serve):
    """The largest window is named."""
    with pytest.raises(ModelFailed, match="at most 8192 tokens.*Set DOCENT_CONTEXT_TOKENS to 8192"):
        await text_of(client_of(serve(gguf, context_tokens=9000)))


async def test_a_model_that_takes_too_long_to_load(gguf, serve):
    """Loading has a time, after which the process is ended."""
    server = serve(gguf, seconds_to_load=0.01)
    with pytest.raises(ModelTimeout, match="not loaded within 0.01 s"):
        await text_of(client_of(server))
    await until(lambda: not server.alive)


async def test_the_package_is_optional(gguf, serve, monkeypatch):
    """Without the package, the command that installs it is told."""
    monkeypatch.setattr(llamacpp_server, "find_spec", lambda name: None)
    with pytest.raises(ModelFailed, match="make install-llamacpp"):
        await text_of(client_of(serve(gguf)))


def test_the_header_says_how_large_the_model_is(gguf):
    """The parameters are counted from the tensors, and memory from the shape of attention."""
    file = read_model_file(gguf)
    assert (file.architecture, file.parameters, file.trained_context) == ("llama", 134_515_008, 8192)
    assert file.cache_bytes_per_token == 30 * 3 * (64 + 64) * 2  # layers, heads, key and value, 16 bits


# --- in Docent -----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")
async def test_docent_serves_the_file_that_the_settings_name(gguf, tmp_path):
    """It answers to the file's name, has no other model, and is gone when Docent is closed."""
    settings = Settings(storage=tmp_path / "storage", model=str(gguf), context_tokens=CONTEXT)
    with open_docent(settings) as docent:
        status = await docent.check_model()
        assert status.ready, status
        assert status.sentence == f"{gguf.stem}, inside Docent"
        assert await docent.models() == (gguf.stem,)
        with pytest.raises(ModelMissing, match="no model 'mistral'"):
            await text_of(docent.open_model(name="mistral"))
        pid = docent.llamacpp.pid
        assert alive(pid)
    assert not alive(pid)


CONTEXT = 1024


@pytest.mark.parametrize(
    ("values", "file", "name"),
    [
        pytest.param({}, None, "mistral", id="a server's model"),
        pytest.param({"model": "/m/a.GGUF"}, Path("/m/a.GGUF"), "a", id="a file by its name"),
        pytest.param({"model": "/m/a.bin", "provider": "llamacpp"}, Path("/m/a.bin"), "a", id="by provider"),
        pytest.param({"model": "/m/a.gguf", "provider": "openai"}, None, "/m/a.gguf", id="a server's file"),
    ],
)
def test_which_settings_name_a_file(values, file, name):
    """A server of OpenAI's protocol may call its model by a path; people see no folder of this machine."""
    settings = Settings(**values)
    assert (settings.model_file, settings.model_name) == (file, name)
