"""A persona is offered where its library exists, each with an icon of our own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from docent.answering.prompt.personas import read_personas
from docent.app import Persona
from docent.web.chat.conversation import EVERYTHING, chat_profiles, persona_key
from docent.web.i18n import say

PUBLIC = Path(__file__).resolve().parents[3]


def docent(*libraries: str):
    documents = [SimpleNamespace(library=library) for library in libraries]
    return SimpleNamespace(
        store=SimpleNamespace(documents=lambda scope: documents),
        personas=(
            Persona(key="restaurants", name="Waiter", library="restaurants"),
            Persona(key="poet", name="Poet"),
        ),
    )


def test_a_persona_is_offered_where_its_library_exists():
    """A persona without a library is always offered; one whose library is missing is not."""
    names = [p.name for p in chat_profiles(docent("restaurants"), reader="ann", language="en")]
    assert names == [EVERYTHING, "restaurants", "poet"]
    assert [p.name for p in chat_profiles(docent(), reader="ann", language="en")] == [EVERYTHING, "poet"]


def test_every_icon_is_one_of_our_files():
    """No profile and no first question shows a broken picture, or one from elsewhere."""
    for profile in chat_profiles(
        docent("restaurants", "internships", "handbook"), reader="ann", language="fr"
    ):
        for icon in [profile.icon, *(starter.icon for starter in profile.starters or ())]:
            assert icon is None or (PUBLIC / icon.lstrip("/")).is_file()
        if profile.name == EVERYTHING:
            icons = [Path(starter.icon).stem for starter in profile.starters]
            assert set(icons) == {"restaurants", "internships", "handbook"}


def test_without_documents_the_page_says_how_to_add_some():
    """There are no first questions to offer, and no command is named: the page itself adds documents."""
    (plain, *_) = chat_profiles(docent(), reader="ann", language="en")
    assert "Add one" in plain.markdown_description and "ingest" not in plain.markdown_description
    assert plain.starters == []


def test_the_plain_profile_has_no_persona():
    """Its key is empty; every other profile is named by its persona's key."""
    assert persona_key(EVERYTHING) == persona_key(None) == ""
    assert persona_key("poet") == "poet"


def test_our_own_personas_are_translated():
    """Names, descriptions, greetings and labels are in French; a user's own persona is shown as written."""
    for persona in read_personas(PUBLIC / "personas.toml"):
        labels = [starter.label for starter in persona.starters]
        for text in (persona.name, persona.description, persona.greeting, *labels):
            assert say(text, "fr") != text
    [_, shown, _] = chat_profiles(docent("restaurants"), reader="ann", language="fr")
    assert (shown.name, shown.display_name) == ("restaurants", "Waiter")
