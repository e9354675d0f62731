"""Accounts are stored with hashed passwords, and a change ends older logins."""

from __future__ import annotations

import io
import json
import stat

import pytest

from docent.__main__ import main
from docent.app import open_docent
from docent.errors import InputError
from docent.settings import Settings
from docent.store.files import sha256_of
from docent.types import Scope, private_library
from docent.web.accounts.login import FREE_TRIES, Authenticator
from docent.web.accounts.login_throttle import LONGEST_WAIT, Attempts, TooManyAttempts
from docent.web.accounts.users import Users

GOOD = "a long password"


@pytest.fixture
def users(tmp_path):
    return Users(tmp_path, cost=4)


@pytest.fixture
def authenticator(tmp_path, users):
    settings = Settings.read(
        environ={"DOCENT_STORAGE": str(tmp_path), "DOCENT_LOGIN": "on"}, folder=tmp_path / "none"
    )
    return Authenticator(settings, secret=b"s" * 32, users=users)


def test_a_password_opens_its_own_account_only(users):
    """An account opens only with its own name and password."""
    users.add("ann", role="admin", password=GOOD)
    users.add("ben", role="member", password="another password")
    assert users.verify(" Ann ", GOOD) == users.find("ann")
    assert users.verify("ann", "another password") is None
    assert users.verify("nobody", GOOD) is None


def test_no_password_is_stored(users, tmp_path):
    """The file holds hashes and can be read by its owner only."""
    users.add("ann", role="admin", password=GOOD)
    assert GOOD.encode() not in (tmp_path / "users.db").read_bytes()
    assert stat.S_IMODE((tmp_path / "users.db").stat().st_mode) == 0o600


def test_every_character_of_a_long_password_counts(users):
    """Two long passwords that differ only near the end are different."""
    users.add("ann", role="member", password="x" * 100 + "a")
    assert users.verify("ann", "x" * 100 + "b") is None


def test_a_user_of_a_provider_has_no_password(users):
    """Neither an empty password nor any other opens an account without one."""
    users.add("ann@example.org", role="member", password=None)
    for password in ("", "nobody", GOOD):
        assert users.verify("ann@example.org", password) is None


@pytest.mark.parametrize(
    ("name", "role", "password", "why"),
    [
        pytest.param("ann", "member", "short", "at least 10", id="a short password"),
        pytest.param("", "member", GOOD, "cannot be a name", id="no name"),
        pytest.param("../ann", "member", GOOD, "cannot be a name", id="a path"),
        pytest.param("local", "member", GOOD, "without login", id="the local person"),
        pytest.param("ann", "king", GOOD, "not a role", id="an unknown role"),
        pytest.param("ben", "member", GOOD, "already", id="a name twice"),
    ],
)
def test_an_invalid_change_is_refused(users, name, role, password, why):
    """Each refusal is a sentence with the reason."""
    users.add("ben", role="member", password=GOOD)
    with pytest.raises(InputError, match=why):
        users.add(name, role=role, password=password)


async def test_a_login_ends_with_its_password_and_with_its_account(users, authenticator, monkeypatch):
    """A token is refused after its password was changed or its account removed."""
    monkeypatch.setattr("docent.web.accounts.login.decode_jwt", lambda token: token)
    users.add("ann", role="member", password=GOOD)
    before = await authenticator.by_password("ann", GOOD)
    assert authenticator.user_of_token(before) is before
    users.set_password("ann", "another password")
    with pytest.raises(Exception, match="another password since"):
        authenticator.user_of_token(before)
    after = await authenticator.by_password("ann", "another password")
    users.remove("ann")
    with pytest.raises(Exception, match="removed"):
        authenticator.user_of_token(after)


async def test_a_provider_logs_in_added_users_only(users, authenticator):
    """Of the provider's users, only those with an account here are logged in."""
    users.add("ann@example.org", role="admin", password=None)
    import chainlit as cl

    let_in = await authenticator.by_provider("google", "t", {}, cl.User(identifier="Ann@example.org"))
    assert let_in.metadata["role"] == "admin"
    assert await authenticator.by_provider("google", "t", {}, cl.User(identifier="eve@example.org")) is None


@pytest.mark.parametrize(
    ("raw", "groups"),
    [
        pytest.param({"roles": ["crew", 3, "board"]}, ["crew", "board"], id="a list"),
        pytest.param({"roles": "crew"}, ["crew"], id="one name"),
        pytest.param({"other": ["crew"]}, [], id="no such claim"),
    ],
)
async def test_a_provider_says_the_groups(tmp_path, users, raw, groups):
    """At each login the groups of the claim are followed, for people who have an account here only."""
    import chainlit as cl

    followed = []
    authenticator = Authenticator(
        Settings(storage=tmp_path, login="on", groups_claim="roles"), secret=b"", users=users
    )
    authenticator.follow_groups = lambda name, names: followed.append((name, names))
    users.add("ann@example.org", role="member", password=None)
    for name in ("Ann@example.org", "eve@example.org"):
        await authenticator.by_provider("google", "t", raw, cl.User(identifier=name))
    assert followed == [("ann@example.org", groups)]


async def test_a_removed_role_has_no_effect(users, authenticator):
    """Roles are read from the accounts at each request, not from the login."""
    users.add("ann", role="admin", password=GOOD)
    assert authenticator.is_admin("ann")
    users.remove("ann")
    assert not authenticator.is_admin("ann")


async def test_guessing_is_slow(users, authenticator):
    """After a few wrong passwords even the right one is refused for a while."""
    users.add("ann", role="member", password=GOOD)
    for _ in range(FREE_TRIES):
        assert await authenticator.by_password("ann", "wrong") is None
    with pytest.raises(TooManyAttempts):
        await authenticator.by_password("ann", GOOD)


def test_the_wait_doubles_up_to_a_limit():
    """Each further failure doubles the wait, up to a limit; a success resets it."""
    now = [0.0]
    attempts = Attempts("name", free=FREE_TRIES, forget_after=900, clock=lambda: now[0])
    for _ in range(FREE_TRIES - 1):
        attempts.begin("ann")
    assert not attempts.seconds_to_wait("ann")
    waits = []
    for _ in range(8):
        attempts.begin("ann")
        start = now[0]
        while attempts.seconds_to_wait("ann"):
            now[0] += 10
        waits.append(now[0] - start)
    assert waits == [30, 60, 120, 240, 480, LONGEST_WAIT, LONGEST_WAIT, LONGEST_WAIT]
    assert not attempts.seconds_to_wait("ben")
    attempts.forget("ann")
    attempts.begin("ann")
    assert not attempts.seconds_to_wait("ann")


def test_users_from_the_terminal(tmp_path, monkeypatch, capsys):
    """The commands add, list, change and remove users, with the password from a pipe."""
    monkeypatch.setenv("DOCENT_STORAGE", str(tmp_path))
    monkeypatch.setattr("docent.web.accounts.users.COST", 4)

    def run(*words: str, stdin: str = "") -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        assert main(["user", *words]) == 0
        return capsys.readouterr().out

    assert "Added ann (admin)" in run("add", "Ann", "--role", "admin", stdin=f"{GOOD}\n")
    assert [user["name"] for user in json.loads(run("list", "--json"))] == ["ann"]
    assert "stamp" not in run("list", "--json")
    run("password", "ann", stdin="another password\n")
    assert Users(tmp_path).verify("ann", "another password")
    assert "0 conversations" in run("remove", "ann")
    assert Users(tmp_path).all() == []


def test_private_documents_are_removed_with_their_user(tmp_path, monkeypatch, capsys):
    """A new user of the same name sees none of them; shared documents stay."""
    monkeypatch.setenv("DOCENT_STORAGE", str(tmp_path / "storage"))
    for library, owner, text in (
        (private_library("ann", "uploads"), "ann", b"Salary"),
        ("uploads", None, b"Hours"),
    ):
        path = tmp_path / "a.txt"
        path.write_bytes(text)
        with open_docent(Settings.read()) as docent:
            docent.store.expect(path, sha256_of(path), name="a.txt", library=library, owner=owner)
    assert main(["user", "remove", "Ann"]) == 0  # as after a removal that could not do the documents
    assert capsys.readouterr().out == "Removed ann, 0 conversations and 1 document of their own.\n"
    with open_docent(Settings.read()) as docent:
        assert [one.library for one in docent.store.documents(Scope(reader="ann"))] == ["uploads"]
    assert main(["user", "remove", "ann"]) == 2


def test_a_mistake_from_the_terminal_is_a_sentence(tmp_path, monkeypatch, capsys):
    """A short password or an unknown name exits with 2 and a sentence that says what to do."""
    monkeypatch.setenv("DOCENT_STORAGE", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert main(["user", "add", "ann"]) == 2
    assert "at least 10" in capsys.readouterr().err
    assert main(["user", "remove", "ann"]) == 2
    assert "user list" in capsys.readouterr().err
