"""`docent user` and `docent key`: people who may log in, and keys of programs."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from docent.errors import DocentError, InputError, StoreError
from docent.settings import Settings
from docent.web.accounts.api_keys import ApiKeys

if TYPE_CHECKING:
    from docent.web.accounts.users import Users
    from docent.web.audit.audit_log import AuditLog

Run = Callable[[argparse.Namespace], None]


def add_action(actions: Any, name: str, run: Run, about: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions.add_parser(name, help=about, description=about)
    action.set_defaults(run=run)
    return action


# --- user ----------------------------------------------------------------------------------


def add_user_command(commands: Any) -> None:
    about = "Add, list and remove the people who may log in."
    user = commands.add_parser("user", help=about, description=about)
    actions = user.add_subparsers(title="commands", metavar="COMMAND", required=True)

    add = add_action(actions, "add", _add_user, "Add a user; the password is asked for, or read from stdin.")
    add.add_argument("name", help="what they type to log in; with a provider, the address it knows them by")
    add.add_argument("--role", default="member", choices=("admin", "member"), help="default: member")
    add.add_argument("--no-password", action="store_true", help="they log in through a provider only")

    listing = add_action(actions, "list", _list_users, "Show every user and their role.")
    listing.add_argument("--json", action="store_true", help="print JSON for machines")

    password = add_action(actions, "password", _set_password, "Change a password; older logins end.")
    password.add_argument("name")

    about = "Remove a user, every conversation they had and every document of their own."
    add_action(actions, "remove", _remove_user, about).add_argument("name")


def _users() -> Users:
    from docent.web.accounts.users import Users  # imports bcrypt, which other commands do not need

    settings = Settings.read()
    return Users(settings.storage, database_url=settings.database)


def _add_user(arguments: argparse.Namespace) -> None:
    users = _users()
    password = None if arguments.no_password else _read_password()
    account = users.add(arguments.name, role=arguments.role, password=password)
    record_change(f"add {account.name} ({account.role})")
    print(f"Added {account.name} ({account.role}).")


def _list_users(arguments: argparse.Namespace) -> None:
    accounts = _users().all()
    if arguments.json:
        shown = [
            {name: value for name, value in asdict(account).items() if name != "stamp"}
            for account in accounts
        ]
        print(json.dumps(shown, indent=2))
        return
    for account in accounts:
        provider = "" if account.has_password else "  (through a provider only)"
        print(f"{account.name}  {account.role}  since {account.added[:10]}{provider}")
    if not accounts:
        print("No users yet. Add one: python -m docent user add NAME", file=sys.stderr)


def _set_password(arguments: argparse.Namespace) -> None:
    _users().set_password(arguments.name, _read_password())
    record_change(f"password of {arguments.name}")
    print(f"{arguments.name} has a new password. Logins with the old one have ended.")


def _read_password() -> str:
    """Ask twice, without echo, at a terminal; read the first line of a pipe."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != password:
        raise InputError("The two passwords differ. Nothing was changed; try again.")
    return password


def _remove_user(arguments: argparse.Namespace) -> None:
    """Remove the login first; if the rest cannot be deleted, the same command tries again."""
    from docent.app import open_docent
    from docent.web.accounts.users import as_name

    settings, name = Settings.read(), as_name(arguments.name)
    users = _users()
    known = users.find(name) is not None
    if known:
        users.remove(name)
    try:
        conversations = asyncio.run(_delete_conversations(settings, name))
        with open_docent(settings) as docent:
            documents = docent.forget_owner(name)
    except StoreError as error:
        raise StoreError(
            "{name} can no longer log in, but what they had is not all deleted. {error} Then run this again.",
            name=name,
            error=error,
        ) from error
    if not (known or conversations or documents):
        users.remove(name)  # raises: there is no such user
    record_change(f"remove {_audit().forget(name)}")
    conversation, document = _count(conversations, "conversation"), _count(documents, "document")
    print(f"Removed {name}, {conversation} and {document} of their own.")


def _audit() -> AuditLog:
    from docent.web.audit.audit_log import AuditLog

    settings = Settings.read()
    return AuditLog(settings.storage, days=settings.audit_days, database_url=settings.database)


def record_change(about: str) -> None:
    """Store in the audit log what was changed on this machine; who it was is not known."""
    audit = _audit()
    audit.record("command line", "command", "people", about)
    audit.flush()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


async def _delete_conversations(settings: Settings, name: str) -> int:
    from docent.web.chat.history import History

    history = History(settings.storage, database_url=settings.database)
    try:
        return await history.delete_user(name)
    finally:
        await history.close()


# --- key -----------------------------------------------------------------------------------


def add_key_command(commands: Any) -> None:
    about = "ApiKeys for programs that ask over HTTP."
    key = commands.add_parser("key", help=about, description=about)
    actions = key.add_subparsers(title="actions", metavar="ACTION", required=True)

    add = add_action(actions, "add", _add_key, "make a key; it is shown once")
    add.add_argument("name", help="what it is for")
    add.add_argument("--library", action="append", default=[], metavar="L", help="only this one; repeat it")
    add.add_argument("--expires", default="", metavar="DAY", help="the last day it is valid: 2027-01-31")
    add.add_argument("--rate", type=int, default=0, metavar="N", help="most requests a minute (default: any)")
    add.add_argument("--read-only", action="store_true", help="it may ask, but neither hand in nor delete")

    listing = add_action(actions, "list", _list_keys, "show every key, but not its secret")
    listing.add_argument("--json", action="store_true", help="print JSON for machines")

    add_action(actions, "remove", _remove_key, "end a key at once").add_argument("name")


def _keys() -> ApiKeys:
    settings = Settings.read()
    return ApiKeys(settings.storage, database_url=settings.database)


def _add_key(arguments: argparse.Namespace) -> None:
    secret = _keys().add(
        arguments.name,
        libraries=arguments.library,
        expires=arguments.expires,
        rate=arguments.rate,
        read_only=arguments.read_only,
    )
    print(secret)
    record_change(f"add key {arguments.name}")
    print("Keep it now: it is stored as a hash and cannot be shown again.", file=sys.stderr)
    for name in _missing_libraries(arguments.library, Settings.read()):
        print(
            f"There is no library {name!r} yet; the key finds nothing there until one of that name is made. "
            "`python -m docent list` shows the names of the existing ones.",
            file=sys.stderr,
        )


def _missing_libraries(libraries: Sequence[str], settings: Settings) -> list[str]:
    """Return the names without a library: a key may come before its library, or the name is misspelt."""
    from docent.app import open_docent

    if not libraries or not (settings.storage / "index" / "catalog.db").exists():
        return list(libraries)
    with suppress(DocentError), open_docent(settings) as docent:  # the key is made in any case
        existing = docent.store.libraries(None)
        return [name for name in libraries if name not in existing]
    return []


def _list_keys(arguments: argparse.Namespace) -> None:
    keys = _keys().all()
    if arguments.json:
        print(json.dumps([asdict(key) for key in keys], ensure_ascii=False, indent=2))
        return
    for key in keys:
        libraries = ", ".join(key.libraries) or "every shared library"
        until = f"until {key.expires}" + (" (over)" if key.expired else "") if key.expires else "no end"
        rate = f"{key.rate} a minute" if key.rate else "any pace"
        print(f"{key.name}  {libraries}  {until}  {rate}" + ("  read only" if key.read_only else ""))
    if not keys:
        print("No keys yet. Make one: python -m docent key add NAME", file=sys.stderr)


def _remove_key(arguments: argparse.Namespace) -> None:
    _keys().remove(arguments.name)
    record_change(f"remove key {arguments.name}")
    print(f"Removed the key {arguments.name!r}. Requests with it are refused from now on.")
