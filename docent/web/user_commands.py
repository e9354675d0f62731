"""`python -m docent user …`: who may log in."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
from dataclasses import asdict
from typing import Any

from docent.errors import InputError
from docent.glossary import Scope
from docent.settings import Settings


def add_to(commands: Any) -> None:
    """Put `user` and its own commands among the others."""
    about = "Add, list and remove the people who may log in."
    user = commands.add_parser("user", help=about, description=about)
    verbs = user.add_subparsers(title="commands", metavar="COMMAND", required=True)

    add = _verb(verbs, "add", _add, "Add a user; the password is asked for, or read from stdin.")
    add.add_argument("name", help="what they type to log in; with a provider, the address it knows them by")
    add.add_argument("--role", default="member", choices=("admin", "member"), help="default: member")
    add.add_argument("--no-password", action="store_true", help="they log in through a provider only")

    listing = _verb(verbs, "list", _list, "Show every user and their role.")
    listing.add_argument("--json", action="store_true", help="print JSON for machines")

    password = _verb(verbs, "password", _password, "Change a password; older logins end.")
    password.add_argument("name")

    remove = _verb(
        verbs,
        "remove",
        _remove,
        "Remove a user, every conversation they had and every document of their own.",
    )
    remove.add_argument("name")


def _verb(verbs: Any, name: str, run: Any, about: str) -> argparse.ArgumentParser:
    verb: argparse.ArgumentParser = verbs.add_parser(name, help=about, description=about)
    verb.set_defaults(run=run)
    return verb


def _users() -> Any:
    from docent.web.users import Users  # bcrypt, for those who use it

    return Users(Settings.read().storage)


def _add(arguments: argparse.Namespace) -> None:
    users = _users()
    password = None if arguments.no_password else _asked()
    account = users.add(arguments.name, role=arguments.role, password=password)
    print(f"Added {account.name} ({account.role}).")


def _list(arguments: argparse.Namespace) -> None:
    accounts = _users().all()
    if arguments.json:
        shown = [
            {name: value for name, value in asdict(account).items() if name != "stamp"}
            for account in accounts
        ]
        print(json.dumps(shown, indent=2))
        return
    for account in accounts:
        how = "" if account.has_password else "  (through a provider only)"
        print(f"{account.name}  {account.role}  since {account.added[:10]}{how}")
    if not accounts:
        print("No users yet. Add one: python -m docent user add NAME", file=sys.stderr)


def _password(arguments: argparse.Namespace) -> None:
    _users().set_password(arguments.name, _asked())
    print(f"{arguments.name} has a new password. Whoever was logged in with the old one must log in again.")


def _remove(arguments: argparse.Namespace) -> None:
    """The login goes first; should the documents not go, the same command tries again."""
    from docent.web.history import History
    from docent.web.users import as_name

    settings, name = Settings.read(), as_name(arguments.name)
    users = _users()
    known = name in {account.name for account in users.all()}
    if known:
        users.remove(name)
    deleted = asyncio.run(_forgotten(History(settings.storage), name))
    documents = _documents_deleted(settings, name)
    if not (known or deleted or documents):
        users.remove(name)
    print(
        f"Removed {name}, {_count(deleted, 'conversation')} and {_count(documents, 'document')} of their own."
    )


def _documents_deleted(settings: Settings, name: str) -> int:
    """What is theirs alone; what they shared is everybody's. Else whoever has that name next would see it."""
    from docent.assembly import open_house

    with open_house(settings) as house:
        own = set(house.store.libraries(name)) - set(house.store.libraries(None))
        documents = house.store.documents(Scope(reader=name, libraries=tuple(own))) if own else []
        for library in own:
            house.delete_library(library, reader=name)
    return len(documents)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


async def _forgotten(history: Any, name: str) -> int:
    deleted: int = await history.forget(name)
    await history.close()
    return deleted


def _asked() -> str:
    """From a terminal twice, unseen; from a pipe the first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise InputError("The two passwords differ. Nothing was changed; try again.")
    return password
