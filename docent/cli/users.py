"""`python -m docent user …`: who may log in."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from docent.errors import InputError, StoreError
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
    from docent.web.accounts.users import Users  # bcrypt, for those who use it

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
    """The login goes first; should the rest not go, the same command tries again."""
    from docent.app import open_docent
    from docent.web.accounts.users import as_name

    settings, name = Settings.read(), as_name(arguments.name)
    users = _users()
    known = users.find(name) is not None
    if known:
        users.remove(name)
    try:
        conversations = asyncio.run(_forgotten(settings.storage, name))
        with open_docent(settings) as docent:
            documents = docent.forget_owner(name)
    except StoreError as error:
        raise StoreError(
            "{name} can no longer log in, but what they had is not all deleted. {error} Then run this again.",
            name=name,
            error=error,
        ) from error
    if not (known or conversations or documents):
        users.remove(name)  # says that there is no such user
    conversation, document = _count(conversations, "conversation"), _count(documents, "document")
    print(f"Removed {name}, {conversation} and {document} of their own.")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


async def _forgotten(storage: Path, name: str) -> int:
    from docent.web.chat.history import History

    history = History(storage)
    try:
        return await history.delete_user(name)
    finally:
        await history.close()


def _asked() -> str:
    """From a terminal twice, unseen; from a pipe the first line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise InputError("The two passwords differ. Nothing was changed; try again.")
    return password
