"""Every message for people is in every catalogue, and a reader meets one language only."""

from __future__ import annotations

import json
import re
import string
from functools import reduce
from operator import getitem
from pathlib import Path
from types import SimpleNamespace

import chainlit
import polib
import pytest

from docent.answering import replies_without_model as replies
from docent.answering.answer_context import not_ready
from docent.errors import ModelUnreachable
from docent.messages import Message, joined
from docent.types import Answer, Document, Page, Receipt, State
from docent.web import i18n
from docent.web.i18n import answer_text, say, speaks
from tools import update_messages

CATALOGUES = sorted(i18n.FOLDER.glob("*.po"))
WEB = i18n.FOLDER.parent
DEFAULTS = Path(chainlit.__file__).parent / "translations"
TRANSLATIONS = WEB.parents[1] / ".chainlit" / "translations"


def by_language(path: Path) -> str:
    return path.stem


@pytest.fixture(scope="module")
def messages() -> set[str]:
    return update_messages.extracted()


def placeholders(text: str) -> set[tuple[str, str | None]]:
    return {(name, how) for _, name, _, how in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("path", CATALOGUES, ids=by_language)
def test_no_message_is_untranslated_or_obsolete(path, messages):
    """A catalogue holds the messages that Babel finds in the code, the templates and personas.toml: no fewer,
    none that is gone, and none that is a guess. `make messages` brings it up to date."""
    catalogue = polib.pofile(str(path))
    there = {entry.msgid for entry in catalogue if entry.msgstr and not entry.fuzzy}
    assert messages - there == set()
    assert {entry.msgid for entry in catalogue} - messages == set()
    assert [entry.msgid for entry in catalogue.obsolete_entries()] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=by_language)
def test_a_translation_has_the_parameters_of_its_message(path):
    """None is lost, and none asked for that is not there."""
    different = [
        entry.msgid
        for entry in polib.pofile(str(path))
        if placeholders(entry.msgid) != placeholders(entry.msgstr)
    ]
    assert different == []


def test_a_third_language_costs_one_file(tmp_path, monkeypatch, messages):
    """Its catalogue is begun by `make messages`, and is spoken as soon as it has a translation."""
    path = tmp_path / "es.po"
    path.touch()
    assert set(update_messages.update(path, messages)) == messages
    catalogue = polib.pofile(str(path))
    next(entry for entry in catalogue if entry.msgid == "{n:,} pages").msgstr = "{n:,} páginas"
    catalogue.save(str(path))
    assert "{n:,} pages" not in update_messages.update(path, messages)
    monkeypatch.setattr(i18n, "FOLDER", tmp_path)
    assert speaks("es-MX") == "es"
    assert say("{n:,} pages", "es-MX", n=7) == "7 páginas"
    assert say("1 page", "es-MX") == "1 page"  # not translated yet


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        pytest.param("fr-CA", "fr", id="a country's"),
        pytest.param("FR", "fr", id="in capitals"),
        pytest.param("en-GB", "en", id="English"),
        pytest.param("de-DE", "en", id="one without a catalogue"),
        pytest.param("", "en", id="none"),
        pytest.param(None, "en", id="unknown"),
    ],
)
def test_the_nearest_language_is_spoken(tag, language):
    """A browser's language tag leads to one of ours."""
    assert speaks(tag) == language


def test_a_text_is_said_with_its_values():
    """Parameters are filled in; nothing stays nothing, where gettext would return the catalogue's header."""
    assert say("Searched for: {searched}", "fr", searched="la soupe") == "Recherché : la soupe"
    assert say("", "fr") == ""


def test_french_has_its_own_quotation_marks_and_spaces():
    """« … » with spaces inside, and a space before a colon, a semicolon and a question mark."""
    for entry in polib.pofile(str(i18n.FOLDER / "fr.po")):
        prose = re.sub(
            r"`[^`]*`|https?://\S*|\{[^}]*\}|\w+:\{|file:|library:|anyway:|answerable:", "", entry.msgstr
        )
        assert not re.search(r"[“”]|«\S|\S»", prose), entry.msgstr
        assert not re.search(r"[\w)»'][:;?!](\s|$)", prose), entry.msgstr


def test_a_reason_inside_a_notice_is_translated_too():
    """Two sentences in one speak one language."""
    error = ModelUnreachable(
        "No model server answers at {url}. Start it, or correct DOCENT_MODEL_URL.", url="http://x:1"
    )
    notice = joined((replies.NO_MODEL, error.message), " ")
    assert say(notice, "fr-CA") == (
        "Aucun modèle de langue n'a répondu ; voici les meilleures phrases trouvées. "
        "Aucun serveur de modèles ne répond à http://x:1. Démarrez-le, ou corrigez DOCENT_MODEL_URL."
    )
    assert say(notice, "en") == notice


def answer(text: str, model: str) -> Answer:
    return Answer(text, (), (), Receipt(question="?", searched="?", model=model))


def test_what_a_model_says_is_left_alone():
    """Also where its words are those of a message; that an answer is from the model alone is translated."""
    nothing = str(replies.NOTHING)
    assert answer_text(answer(nothing, "mistral"), "fr") == nothing
    assert answer_text(answer(nothing, ""), "fr").startswith("Rien n'en parle")
    found = joined((replies.NEAREST, "- No documents. [1]"), "\n\n")
    assert answer_text(answer(found, ""), "fr").endswith("\n\n- No documents. [1]")
    alone = joined((replies.UNGROUNDED, nothing), " ")
    assert answer_text(answer(alone, "mistral"), "fr") == f"**Pas tiré de vos documents.** {nothing}"


DOCUMENTS = [
    Document("", "a.pdf", "pdf", ()),
    Document("", "a.pdf", "pdf", (Page(1, ""),)),
    Document("", "a.pdf", "pdf", (Page(1, "12"),)),
    Document("", "a.pdf", "pdf", (Page(1, "", hidden="secret"),)),
    Document("", "a.pdf", "pdf", (Page(1, "", note=Message("There is no text in it.")),)),
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_why_nothing_can_be_searched_is_french_throughout(document):
    """The reason of a document without text, and each part of it, has a French sentence."""
    reason = say(document.shortfall(0), "fr")
    assert reason.startswith("Rien à chercher : aucun texte n'a été trouvé. ")
    assert not re.search(r"\b(the|page holds|no|its|There|Nothing|Reading|page is)\b", reason)


@pytest.mark.parametrize("state", sorted(set(State) - {State.READY}))
def test_what_was_not_ready_is_named_in_french(state):
    """A receipt's line of a document that was not wholly searched, with its state and the reason."""
    (line,) = not_ready(
        [SimpleNamespace(name="a: b.pdf", state=state, reason=Message("Its pages are empty."))]
    )
    assert re.fullmatch(r"a: b\.pdf : [\w ]+ \(Ses pages sont vides\.\)", say(line, "fr"))
    assert not re.search(r"\b(queued|loading|searchable|partial|failed)\b", say(line, "fr"))


def test_nothing_is_shown_past_the_catalogues():
    """What is sent to the page is a message; no sentence is written into a call that shows it."""
    for path in sorted(WEB.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        assert not re.search(r'(?:note|cl\.Message|PlainTextResponse|send_toast)\(\s*f?"[A-Z]\w+ ', source), (
            path
        )
        assert "{error}" not in source or "accounts" in path.parts or "api" in path.parts, path


def keys(tree, path=()):
    if isinstance(tree, dict):
        return {key for name, branch in tree.items() for key in keys(branch, (*path, name))}
    return {path}


def test_the_page_is_translated_wholly():
    """Chainlit's own French texts are all those that its English ones are."""
    english, french = (
        json.loads((TRANSLATIONS / f"{name}.json").read_text(encoding="utf-8")) for name in ("en-US", "fr-FR")
    )
    assert keys(french) == keys(english)


@pytest.mark.parametrize("language", ["en-US", "fr-FR"])
def test_the_page_speaks_our_words(language):
    """No text of Chainlit's own is left where ours differs: it writes its own back where it finds none."""
    default, ours = (
        json.loads((folder / f"{language}.json").read_text("utf-8")) for folder in (DEFAULTS, TRANSLATIONS)
    )
    for path in (
        ("chat", "input", "placeholder"),
        ("threadHistory", "thread", "actions", "delete", "title"),
    ):
        assert reduce(getitem, path, ours) != reduce(getitem, path, default)
