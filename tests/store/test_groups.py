"""Groups decide who sees a shared library; to everybody else it is as if it were not there."""

from __future__ import annotations

import pytest

from docent.errors import InputError, UnknownDocument, UnknownLibrary
from docent.store import Store
from docent.types import Scope
from tests.store.databases import open_store
from tests.store.putting import finish, put
from tests.store.test_isolation import EVERYTHING, TEXTS, fill_elsewhere, revealed

IN_BOTH_DATABASES = True


@pytest.fixture
def store(tmp_path):
    store = open_store(tmp_path / "storage", fingerprint="x")
    for path, text in TEXTS.items():
        put(store, tmp_path, path, text, library="museum")
    store.groups.add("guides")
    yield store
    store.close()


def seen(store: Store, reader: str | None) -> set[str]:
    """Return the libraries that a reader meets in lists, in documents and in what is found."""
    scope = Scope(reader=reader)
    by_words = store.chunks([hit.id for hit in store.matching("owls tower", 50, scope)], scope).values()
    return {
        *store.libraries(reader),
        *(library.name for library in store.organiser.libraries(reader)),
        *(document.library for document in store.documents(scope)),
        *(document.library for document in store.organiser.listing(scope).documents),
        *(store.document(chunk.document_id, scope).library for chunk in by_words),
    }


def test_a_library_is_closed_by_the_first_group(store, tmp_path):
    """Members see it, others do not, nor does somebody without a name; the installation itself does."""
    put(store, tmp_path, "plans.txt", "The owls of the tower move out.", library="plans")
    assert seen(store, "ada") == seen(store, "") == {"museum", "plans"}
    store.groups.grant("guides", "plans", "read")
    assert seen(store, "ada") == seen(store, "") == {"museum"}
    assert seen(store, None) == {"museum", "plans"}
    store.groups.join("guides", "ada")
    assert seen(store, "ada") == {"museum", "plans"}
    store.groups.leave("guides", "ada")
    assert seen(store, "ada") == {"museum"}


def test_what_is_closed_leaves_no_trace(store, tmp_path):
    """Ranking, scores and rarity are the same to the last bit, whatever the closed library holds."""
    before = revealed(store, EVERYTHING)
    store.organiser.create_library("archive", None)
    store.groups.grant("guides", "archive", "read")
    store.groups.join("guides", "bob")
    fill_elsewhere(store, tmp_path, "archive")
    assert revealed(store, EVERYTHING) == before
    store.groups.join("guides", "ada")
    assert revealed(store, EVERYTHING) != before


def test_no_id_opens_what_is_closed(store, tmp_path):
    """Whoever knows the ids gets neither the document, its pages, its file, nor may they delete it."""
    key = put(store, tmp_path, "plans.txt", "The owls of the tower move out.", library="plans")
    finish(store)
    store.groups.grant("guides", "plans", "manage")
    (chunk,) = [hit.id for hit in store.matching("move", 5, Scope(libraries=("plans",)))]
    scope = Scope(reader="ada", libraries=("plans",), documents=(key,))
    assert store.documents(scope) == []
    assert store.chunks([chunk], scope) == {}
    assert store.pages(key, scope) == []
    for asked in (store.document, store.original):
        with pytest.raises(UnknownDocument):
            asked(key, scope)
    with pytest.raises(UnknownDocument):
        store.delete(key, scope)
    assert store.document(key, Scope()).name == "plans.txt"


def test_a_group_that_goes_opens_nothing(store, tmp_path):
    """A library that only a removed group could use stays closed, until it is opened on purpose."""
    put(store, tmp_path, "plans.txt", "The owls move out.", library="plans")
    store.groups.join("guides", "ada")
    store.groups.grant("guides", "plans", "write")
    store.groups.remove("guides")
    assert seen(store, "ada") == {"museum"}
    assert store.groups.restricted() == ["plans"]
    store.groups.open_to_all("plans")
    assert seen(store, "ada") == {"museum", "plans"}


def test_the_highest_level_of_several_groups_counts(store):
    """What one group may not, another may."""
    store.groups.add("keepers")
    for group, level in (("guides", "read"), ("keepers", "manage")):
        store.groups.grant(group, "museum", level)
        store.groups.join(group, "ada")
    store.groups.join("guides", "bob")
    levels = {reader: store.organiser.libraries(reader)[0].level for reader in ("ada", "bob")}
    assert levels == {"ada": "manage", "bob": "read"}
    (guides, keepers) = store.groups.all()
    assert (guides.members, guides.access) == (("ada", "bob"), {"museum": "read"})
    assert keepers.access == {"museum": "manage"}


def test_a_provider_takes_back_only_what_it_gave(store):
    """At each login its groups are these; what an administrator decided stays; unknown names are ignored."""
    for name in ("keepers", "board"):
        store.groups.add(name)
    store.groups.join("guides", "ada")
    store.groups.follow_provider("ada", ["keepers", "everyone at the company"])
    assert [group.name for group in store.groups.all() if "ada" in group.members] == ["guides", "keepers"]
    store.groups.follow_provider("ada", ["board", "guides"])
    store.groups.follow_provider("ada", [])
    assert [group.name for group in store.groups.all() if "ada" in group.members] == ["guides"]


def test_a_removed_person_is_in_no_group(store):
    """Somebody who is added later under the same name begins without groups."""
    store.groups.join("guides", "ada")
    store.forget_owner("ada")
    assert store.groups.find("guides").members == ()


@pytest.mark.parametrize("name", ["", "  ", "/etc", "a" * 81, "a\nb\0"])
def test_a_group_needs_a_name(store, name):
    with pytest.raises(InputError, match="name of a group"):
        store.groups.add(name)


def test_what_is_not_there_is_named(store):
    """A group, a library and a level that do not exist are refused in a sentence, and nothing is closed."""
    store.organiser.create_library("Diary", "ada")
    with pytest.raises(InputError, match="already"):
        store.groups.add("guides")
    with pytest.raises(InputError, match="no group"):
        store.groups.join("nobody", "ada")
    with pytest.raises(InputError, match="no access"):
        store.groups.grant("guides", "museum", "own")
    for library in ("nowhere", "~ada/Diary"):
        with pytest.raises(UnknownLibrary):
            store.groups.grant("guides", library, "read")
    assert store.groups.restricted() == []
