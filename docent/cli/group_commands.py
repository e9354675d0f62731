"""`docent group`: groups of people, and the shared libraries that only they may use."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from docent.cli.account_commands import add_action, record_change
from docent.settings import Settings

if TYPE_CHECKING:
    from docent.store import Groups


def add_group_command(commands: Any) -> None:
    about = "Decide by groups who sees which shared library."
    group = commands.add_parser("group", help=about, description=about)
    actions = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    add_action(actions, "add", _add, "Make a group.").add_argument("name")
    listing = add_action(actions, "list", _list, "Show every group, its members and its libraries.")
    listing.add_argument("--json", action="store_true", help="print JSON for machines")
    about = "Remove a group; libraries that only it could use stay closed."
    add_action(actions, "remove", _remove, about).add_argument("name")
    for name, run, about in (
        ("join", _join, "Add a user to a group."),
        ("leave", _leave, "Take a user out of a group."),
    ):
        action = add_action(actions, name, run, about)
        action.add_argument("name")
        action.add_argument("user")
    grant = add_action(
        actions, "grant", _grant, "Let a group use a shared library, and close it to everybody else."
    )
    grant.add_argument("name")
    grant.add_argument("library")
    grant.add_argument(
        "--level",
        default="read",
        choices=("read", "write", "manage"),
        help="write: also add documents; manage: also change and delete them (default: read)",
    )
    revoke = add_action(actions, "revoke", _revoke, "Take a group's access away; the library stays closed.")
    revoke.add_argument("name")
    revoke.add_argument("library")
    add_action(actions, "open", _open, "Open a library to everybody again.").add_argument("library")


@contextmanager
def _groups() -> Iterator[Groups]:
    from docent.app import open_docent

    with open_docent(Settings.read()) as docent:
        yield docent.store.groups


def _add(arguments: argparse.Namespace) -> None:
    with _groups() as groups:
        name = groups.add(arguments.name)
    record_change(f"add group {name}")
    print(f"Made the group {name}.")


def _list(arguments: argparse.Namespace) -> None:
    with _groups() as groups:
        everything, closed = groups.all(), groups.restricted()
    if arguments.json:
        shown = [group._asdict() for group in everything]
        print(json.dumps({"groups": shown, "closed": list(closed)}, ensure_ascii=False, indent=2))
        return
    for group in everything:
        access = ", ".join(f"{library} ({level})" for library, level in group.access.items())
        print(f"{group.name}: {', '.join(group.members) or 'nobody'}; {access or 'no library'}")
    if closed:
        print(f"Closed but for groups: {', '.join(closed)}")


def _remove(arguments: argparse.Namespace) -> None:
    with _groups() as groups:
        groups.remove(arguments.name)
    record_change(f"remove group {arguments.name}")
    print(f"Removed the group {arguments.name}.")


def _join(arguments: argparse.Namespace) -> None:
    from docent.errors import InputError
    from docent.web.accounts.users import Users, as_name

    user = as_name(arguments.user)
    settings = Settings.read()
    if Users(settings.storage, database_url=settings.database).find(user) is None:
        raise InputError("There is no user {name!r}. `python -m docent user list` shows them all.", name=user)
    with _groups() as groups:
        groups.join(arguments.name, user)
    record_change(f"{user} joins {arguments.name}")
    print(f"{user} is in {arguments.name}.")


def _leave(arguments: argparse.Namespace) -> None:
    from docent.web.accounts.users import as_name

    user = as_name(arguments.user)
    with _groups() as groups:
        groups.leave(arguments.name, user)
    record_change(f"{user} leaves {arguments.name}")
    print(f"{user} is not in {arguments.name}.")


def _grant(arguments: argparse.Namespace) -> None:
    with _groups() as groups:
        groups.grant(arguments.name, arguments.library, arguments.level)
    record_change(f"{arguments.name}: {arguments.level} in {arguments.library}")
    print(f"{arguments.name} may {arguments.level} in {arguments.library}, which is closed to all others.")


def _revoke(arguments: argparse.Namespace) -> None:
    with _groups() as groups:
        groups.revoke(arguments.name, arguments.library)
    record_change(f"{arguments.name}: no access in {arguments.library}")
    print(f"{arguments.name} has no access to {arguments.library}, which stays closed.")


def _open(arguments: argparse.Namespace) -> None:
    with _groups() as groups:
        groups.open_to_all(arguments.library)
    record_change(f"open {arguments.library} to everybody")
    print(f"{arguments.library} is open to everybody.")
