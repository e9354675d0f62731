"""Personas are offered where their library is there, each with an icon of our own."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from docent.web.i18n.french import spoken

from docent.answering.prompt.personas import read_personas
from docent.app import Persona
from docent.web.chat.profiles import EVERYTHING, persona_of, profiles

PUBLIC = Path(__file__).resolve().parents[2]


def docent(*libraries: str):
    documents = [SimpleNamespace(library=library) for library in libraries]
    return SimpleNamespace(
        store=SimpleNamespace(documents=lambda scope: documents),
        personas=(
            Persona(key="restaurants", name="Waiter", library="restaurants"),
            Persona(key="poet", name="Poet"),
        ),
    )


def test_a_persona_is_offered_where_its_library_is():
    """A persona without a library is there always, one whose library is missing is not."""
    names = [p.name for p in profiles(docent("restaurants"), reader="ann", language="en")]
    assert names == [EVERYTHING, "restaurants", "poet"]
    assert [p.name for p in profiles(docent(), reader="ann", language="en")] == [EVERYTHING, "poet"]


def test_every_icon_is_a_file_of_ours():
    """No profile and no first question shows a broken or a foreign picture."""
    for profile in profiles(docent("restaurants", "internships", "handbook"), reader="ann", language="fr"):
        for icon in [profile.icon, *(starter.icon for starter in profile.starters or ())]:
            assert icon is None or (PUBLIC / icon.lstrip("/")).is_file()


def test_an_empty_house_teaches():
    """Without documents, the page says how to add some."""
    (plain, *_) = profiles(docent(), reader="ann", language="en")
    assert "ingest.py" in plain.markdown_description
    assert plain.starters == []


def test_the_plain_profile_is_no_persona():
    """Its name leads to no key; every other name is one."""
    assert persona_of(EVERYTHING) == persona_of(None) == ""
    assert persona_of("poet") == "poet"


def test_our_own_personas_speak_french():
    """Names, descriptions, greetings and first questions' labels; a French page shows no English one."""
    for persona in read_personas(PUBLIC / "personas.toml"):
        labels = [one.label for one in persona.starters]
        for said in (persona.name, persona.description, persona.greeting, *labels):
            assert spoken(said, "fr") != said
    [_, shown, _] = profiles(docent("restaurants"), reader="ann", language="fr")
    assert (shown.name, shown.display_name) == ("restaurants", "Waiter")  # anybody's own, as it was written
