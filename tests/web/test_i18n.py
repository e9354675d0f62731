"""Every catalogue has every message, and a reader is shown one language only."""

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
from docent.messages import NUMBER, Message, joined
from docent.types import Answer, Document, Page, Receipt, State
from docent.web import i18n
from docent.web.i18n import answer_text, say, say_number, speaks
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


def placeholders(text: str) -> set[tuple[str, str | None, str | None]]:
    return {
        (name, form, conversion)
        for _, name, form, conversion in string.Formatter().parse(text)
        if name is not None
    }


@pytest.mark.parametrize("path", CATALOGUES, ids=by_language)
def test_no_message_is_untranslated_or_obsolete(path, messages):
    """A catalogue has a translation of exactly the messages in the code, the templates and personas.toml.

    If this fails, run `make messages`.
    """
    catalogue = polib.pofile(str(path))
    there = {entry.msgid for entry in catalogue if entry.msgstr and not entry.fuzzy}
    assert messages - there == set()
    assert {entry.msgid for entry in catalogue} - messages == set()
    assert [entry.msgid for entry in catalogue.obsolete_entries()] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=by_language)
def test_a_translation_has_the_parameters_of_its_message(path):
    """A translation names the same parameters, in the same form."""
    different = [
        entry.msgid
        for entry in polib.pofile(str(path))
        if placeholders(entry.msgid) != placeholders(entry.msgstr)
    ]
    assert different == []


def test_a_further_language_needs_one_file(tmp_path, monkeypatch, messages):
    """`make messages` fills an empty catalogue, which is used as soon as it has a translation."""
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
    assert say_number(1234, "es-MX") == "1,234"
    next(entry for entry in catalogue if entry.msgid == NUMBER).msgstr = "1.234,5"
    catalogue.save(str(path))
    i18n.catalogues.cache_clear()
    assert say_number(1234, "es-MX") == "1.234"


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
def test_a_language_tag_leads_to_a_catalogue(tag, language):
    """A browser's language tag leads to the nearest of our languages."""
    assert speaks(tag) == language


def test_parameters_are_filled_in():
    """Parameters are filled in, and an empty text stays empty, where gettext returns its header."""
    assert say("Searching for: {searched}", "fr", searched="la soupe") == "Recherche : la soupe"
    assert say("", "fr") == ""


def test_numbers_have_the_separators_of_the_language():
    """French separates thousands by a narrow no-break space and decimals by a comma."""
    pages = Message("{n:,} pages", n=12_345)
    assert (
        say("{size:,.1f} MB: {pages}", "fr", size=1234.5, pages=pages) == "1\u202f234,5 MB: 12\u202f345 pages"
    )
    assert say(pages, "en") == "12,345 pages"
    assert say("{name}, p. {n}", "fr", name="1,5.pdf", n=1234) == "1,5.pdf, p. 1234"
    assert (say_number(12_345, "fr"), say_number(12_345, None)) == ("12\u202f345", "12,345")


@pytest.mark.parametrize("path", CATALOGUES, ids=by_language)
def test_a_catalogue_shows_how_numbers_are_written(path):
    """The translation of 1,234.5 has the same digits, with at most one separator in each place."""
    (number,) = (entry.msgstr for entry in polib.pofile(str(path)) if entry.msgid == NUMBER)
    assert re.fullmatch(r"1\D?234\D5", number)


def test_french_has_its_own_quotation_marks_and_spaces():
    """French texts have « … » with spaces inside, and a space before : ; ! and ?."""
    for entry in polib.pofile(str(i18n.FOLDER / "fr.po")):
        prose = re.sub(
            r"`[^`]*`|https?://\S*|\{[^}]*\}|\w+:\{|file:|library:|anyway:|answerable:", "", entry.msgstr
        )
        assert not re.search(r"[“”]|«\S|\S»", prose), entry.msgstr
        assert not re.search(r"[\w)»'][:;?!](\s|$)", prose), entry.msgstr


def test_a_message_in_a_message_is_translated():
    """A notice and the reason in it are in the same language."""
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


def test_text_of_a_model_is_not_translated():
    """A model's text is unchanged even if it equals a message; the sentence before it is translated."""
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
def test_the_reason_for_no_text_is_all_french(document):
    """Each part of the reason why a document has no text is in French."""
    reason = say(document.shortfall(0), "fr")
    assert reason.startswith("Rien à chercher : aucun texte n'a été trouvé. ")
    assert not re.search(r"\b(the|page holds|no|its|There|Nothing|Reading|page is)\b", reason)


@pytest.mark.parametrize("state", sorted(set(State) - {State.READY}))
def test_a_document_that_was_not_ready_is_named_in_french(state):
    """Its line in the receipt has the state and the reason in French."""
    (line,) = not_ready(
        [SimpleNamespace(name="a: b.pdf", state=state, reason=Message("Its pages are empty."))]
    )
    assert re.fullmatch(r"a: b\.pdf : [\w ]+ \(Ses pages sont vides\.\)", say(line, "fr"))
    assert not re.search(r"\b(queued|loading|searchable|partial|failed)\b", say(line, "fr"))


def test_no_sentence_bypasses_the_catalogues():
    """No call that shows a text has an English sentence written into it."""
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


def test_chainlits_texts_are_all_translated():
    """Chainlit's French file has the same keys as its English one."""
    english, french = (
        json.loads((TRANSLATIONS / f"{name}.json").read_text(encoding="utf-8")) for name in ("en-US", "fr-FR")
    )
    assert keys(french) == keys(english)


@pytest.mark.parametrize("language", ["en-US", "fr-FR"])
def test_our_texts_replace_chainlits(language):
    """Our own wording is in both files; Chainlit writes its own where a key is missing."""
    default, ours = (
        json.loads((folder / f"{language}.json").read_text("utf-8")) for folder in (DEFAULTS, TRANSLATIONS)
    )
    for path in (
        ("chat", "input", "placeholder"),
        ("threadHistory", "thread", "actions", "delete", "title"),
    ):
        assert reduce(getitem, path, ours) != reduce(getitem, path, default)
