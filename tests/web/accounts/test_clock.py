"""What Docent does while the machine's clock is wrong, and when it is set back."""

from __future__ import annotations

import os
import time
from datetime import datetime, timedelta
from types import SimpleNamespace

import chainlit.auth.jwt
import jwt.api_jwt
import pytest

import docent.store.catalog.documents as documents
from docent.app import open_docent
from docent.settings import Settings
from docent.types import Scope
from docent.web.accounts import api_keys
from docent.web.accounts.login import FREE_TRIES
from tests.web.accounts.test_login import GOOD, app, attempt, authenticator, browser, settings, users

__all__ = ["app", "authenticator", "settings", "users"]

TEXT = "The lighthouse keeper is called Perpetua Quill."


class Clock:
    """The machine's clock, which a test sets."""

    ahead = timedelta()


@pytest.fixture
def clock(monkeypatch) -> Clock:
    """Every reading of the wall clock in Docent, in Chainlit's tokens and in their check."""
    clock, real = Clock(), time.time

    class Shifted(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(real() + clock.ahead.total_seconds(), tz)

    monkeypatch.setattr(time, "time", lambda: real() + clock.ahead.total_seconds())
    for module in (chainlit.auth.jwt, jwt.api_jwt, api_keys):
        monkeypatch.setattr(module, "datetime", Shifted)
    monkeypatch.setattr(documents, "datetime", SimpleNamespace(datetime=Shifted, UTC=documents.datetime.UTC))
    return clock


async def test_a_session_that_was_ended_stays_ended(app, clock):
    """A clock that was ahead for a while does not make the token of an ended session valid again."""
    async with browser(app) as ann, browser(app) as ben, browser(app) as thief:
        await attempt(ann, password=GOOD)
        thief.cookies.set("access_token", ann.cookies["access_token"])
        await ann.post("/logout")
        clock.ahead = timedelta(days=300)  # the token has expired, so its end could be forgotten
        await attempt(ben, password=GOOD)
        await ben.post("/logout")
        clock.ahead = timedelta()
        assert (await thief.get("/mine")).text == "nobody"


async def test_after_the_clock_is_set_back_people_log_in_again(app, clock):
    """A login from the future is refused until then, and a new one works at once."""
    async with browser(app) as ann:
        await attempt(ann, password=GOOD)
        clock.ahead = -timedelta(days=30)
        assert (await ann.get("/mine")).text == "nobody"
        await attempt(ann, password=GOOD)
        assert (await ann.get("/mine")).text == "ann"


async def test_guesses_are_counted_whatever_the_clock_says(app, users, clock):
    """A clock that jumps by years lets nobody guess more passwords, and locks nobody out for years."""
    async with browser(app) as guesser:
        replies = []
        for n in range(FREE_TRIES + 3):
            clock.ahead = timedelta(days=1000 * (-1) ** n)
            replies.append(await attempt(guesser))
    assert [reply.status_code for reply in replies[FREE_TRIES:]] == [429] * 3
    assert users.hashed == FREE_TRIES
    assert all(int(reply.headers["retry-after"]) < 60 for reply in replies[FREE_TRIES:])


def test_documents_are_read_changed_and_deleted_whatever_the_clock_says(tmp_path, clock):
    """A file from the future is read once, one with an older date and other words is read again, and what is
    stored, changed and deleted after the clock was set back is found, or gone, at once."""
    folder = tmp_path / "data" / "coast"
    folder.mkdir(parents=True)
    (folder / "light.md").write_text(TEXT)
    os.utime(folder / "light.md", (time.time() + 1e8, time.time() + 1e8))

    with open_docent(Settings(storage=tmp_path / "storage", data=tmp_path / "data")) as docent:

        def ingested() -> list[str]:
            reports = docent.ingest(
                [tmp_path / "data"], retry_failed=False, password=None, on_progress=lambda _: None
            )
            return [report.outcome for report in reports]

        assert ingested() == ["added"]
        clock.ahead = -timedelta(days=400)
        assert ingested() == ["unchanged"]
        (folder / "light.md").write_text(f"{TEXT} She keeps bees.")
        os.utime(folder / "light.md", (time.time(), time.time()))
        (folder / "boat.md").write_text("The boat Halcyon is varnished every April.")
        assert sorted(ingested()) == ["added", "changed"]
        found = {passage.file for passage in docent.retrieve("bees, and the boat Halcyon", Scope(), 5)}
        assert found == {"light.md", "boat.md"}
        [boat] = [document for document in docent.store.documents(Scope()) if document.name == "boat.md"]
        docent.store.delete(boat.id, Scope())
        assert {passage.file for passage in docent.retrieve("the boat Halcyon", Scope(), 5)} == {"light.md"}
