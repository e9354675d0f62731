"""Only people who run Docent are shown the address of the model server."""

from __future__ import annotations

from typing import Any

import pytest
from chainlit.user import User
from starlette.testclient import TestClient

from docent.app import open_docent
from docent.errors import ModelUnreachable
from docent.messages import Message, joined
from docent.settings import Settings
from docent.types import Notice, Scope
from docent.web.accounts.address_redaction import redact_addresses, redact_events
from docent.web.accounts.api_keys import ApiKeys
from docent.web.accounts.users import LOCAL
from docent.web.api.access import AccessControl
from docent.web.api.application import build
from docent.web.chat.reply import reply
from docent.web.i18n import say
from docent.web.monitoring import Metrics
from tests.web.chat.open_page import OpenPage

ADDRESS = "http://10.1.2.3:11434"
SENTENCE = Message(
    "No model server answers at {url}. Start it with: {command} (or set DOCENT_MODEL_URL to "
    "where it is, or DOCENT_MODEL to a GGUF file, which needs no server)",
    url=ADDRESS,
    command="ollama serve",
)
HIDDEN = SENTENCE.replace(ADDRESS, "DOCENT_MODEL_URL")


@pytest.mark.parametrize(
    ("url", "text", "shown"),
    [
        pytest.param(ADDRESS, SENTENCE, HIDDEN, id="the whole"),
        pytest.param(f"{ADDRESS}/", SENTENCE, HIDDEN, id="a slash less"),
        pytest.param(ADDRESS, "10.1.2.3:11434 is silent", "DOCENT_MODEL_URL is silent", id="host and port"),
        pytest.param("http://ollama", "Run: ollama serve", "Run: ollama serve", id="a word of a command"),
        pytest.param(ADDRESS, "Nothing of it.", "Nothing of it.", id="none"),
    ],
)
def test_an_address_becomes_the_name_of_its_setting(url, text, shown):
    """Addresses are replaced by setting names, in English and in French sentences."""
    redacted = redact_addresses(text, Settings(model_url=url))
    assert redacted == shown
    if text == SENTENCE:
        french = say(redacted, "fr")
        assert "10.1.2.3" not in french and french.startswith("Aucun serveur de modèles ne répond à DOCENT")


def test_each_part_of_a_sentence_is_still_translated():
    """A redacted sentence keeps its parts as messages, with or without an address in them."""
    notice = joined((Message("Ask again"), SENTENCE), " ")
    shown = say(redact_addresses(notice, Settings(model_url=ADDRESS)), "fr")
    assert shown.startswith("Reposer la question Aucun serveur de modèles ne répond à DOCENT_MODEL_URL.")


async def test_an_error_keeps_its_kind():
    """A redacted error has the same class and no address."""

    async def events() -> Any:
        yield Notice(SENTENCE)
        raise ModelUnreachable(SENTENCE)

    shown = []
    with pytest.raises(ModelUnreachable) as raised:
        async for event in redact_events(events(), Settings(model_url=ADDRESS)):
            shown.append(event)
    assert "10.1.2.3" not in str(shown) + str(raised.value)


PEOPLE = [
    pytest.param(User(identifier="mara", metadata={"role": "member"}), False, id="a member"),
    pytest.param(User(identifier="ada", metadata={"role": "admin"}), True, id="an administrator"),
    pytest.param(User(identifier=LOCAL), True, id="no login"),
]


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize(("user", "shown"), PEOPLE)
async def test_only_administrators_see_the_address_in_the_chat(tmp_path, user, shown):
    """A member learns that no model server answers, but not its address."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/cats.md").write_text("# Cats\n\nThe grey cat Mimi sleeps on the warm oven.\n")
    address = "127.0.0.1:9"
    settings = Settings(storage=tmp_path / "storage", data=tmp_path / "data", model_url=f"http://{address}")
    with open_docent(settings) as docent:
        docent.ingest([tmp_path / "data"], retry_failed=False, password=None, on_progress=lambda _: None)
        docent.ingest_pipeline.background.wait(lambda _: None)
        page = OpenPage()
        page.session.user = user
        await reply("Where does the cat sleep?", docent=docent, metrics=Metrics())
        assert docent.store.libraries(Scope().reader)
    texts = str(page.events)
    assert "No model server answers at" in texts
    assert (address in texts) is shown


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("keyless", [False, True], ids=["with a key", "on its own machine"])
def test_a_client_with_a_key_sees_no_address(tmp_path, keyless):
    """Neither answers nor /ready show the address to clients that need a key."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/cats.md").write_text("# Cats\n\nThe grey cat Mimi sleeps on the warm oven.\n")
    settings = Settings(storage=tmp_path / "storage", data=tmp_path / "data", model_url="http://127.0.0.1:9")
    keys = ApiKeys(settings.storage)
    secret = keys.add("editor", libraries=[], expires="", rate=0)
    with open_docent(settings) as docent:
        docent.ingest([tmp_path / "data"], retry_failed=False, password=None, on_progress=lambda _: None)
        docent.ingest_pipeline.background.wait(lambda _: None)
        access = AccessControl(keys, keyless=lambda: keyless)
        api = build(
            docent=lambda: docent, access=access, metrics=Metrics(), largest_upload=1_000, footnotes=False
        )
        client = TestClient(api, headers={} if keyless else {"Authorization": f"Bearer {secret}"})
        question = {"role": "user", "content": "Where does the cat sleep?"}
        texts = [
            client.get("/ready").text,
            client.post("/v1/chat/completions", json={"model": "docent", "messages": [question]}).text,
        ]
    for text in texts:
        assert "No model server answers at" in text
        assert ("127.0.0.1:9" in text) is keyless
