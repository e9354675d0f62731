"""`python -m docent key`: make, list and remove the keys of programs that ask over HTTP."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from docent.errors import DocentError
from docent.settings import Settings
from docent.web.accounts.keys import Keys


def add_to(commands: Any) -> None:
    about = "Keys for programs that ask over HTTP."
    key = commands.add_parser("key", help=about, description=about)
    actions = key.add_subparsers(title="actions", metavar="ACTION", required=True)

    add = actions.add_parser("add", help="make a key; it is shown once")
    add.add_argument("name", help="what it is for")
    add.add_argument("--library", action="append", default=[], metavar="L", help="only this one; repeat it")
    add.add_argument("--expires", default="", metavar="DAY", help="the last day it is good for: 2027-01-31")
    add.add_argument("--rate", type=int, default=0, metavar="N", help="most requests a minute (default: any)")
    add.add_argument("--read-only", action="store_true", help="it may ask, and neither hand in nor delete")
    add.set_defaults(run=_add)

    listing = actions.add_parser("list", help="show every key, but not its secret")
    listing.add_argument("--json", action="store_true", help="print JSON for machines")
    listing.set_defaults(run=_list)

    remove = actions.add_parser("remove", help="end a key at once")
    remove.add_argument("name")
    remove.set_defaults(run=_remove)


def _keys() -> Keys:
    return Keys(Settings.read().storage)


def _add(arguments: argparse.Namespace) -> None:
    secret = _keys().add(
        arguments.name,
        libraries=arguments.library,
        expires=arguments.expires,
        rate=arguments.rate,
        read_only=arguments.read_only,
    )
    print(secret)
    print("Keep it now: it is stored as a hash and cannot be shown again.", file=sys.stderr)
    for name in _not_there(arguments.library, Settings.read()):
        print(
            f"There is no library {name!r} yet; the key finds nothing there before one of that name is made. "
            "`python -m docent list` shows the names of those that are there.",
            file=sys.stderr,
        )


def _not_there(libraries: Sequence[str], settings: Settings) -> list[str]:
    """A key may come before its library, whose first file it can hand in; or it is a slip of the pen."""
    from docent.app import open_docent

    if not libraries or not (settings.storage / "index" / "catalog.db").exists():
        return list(libraries)
    with suppress(DocentError), open_docent(settings) as docent:  # the key is made, whatever is wrong there
        there = docent.store.libraries(None)
        return [name for name in libraries if name not in there]
    return []


def _list(arguments: argparse.Namespace) -> None:
    keys = _keys().all()
    if arguments.json:
        print(json.dumps([asdict(key) for key in keys], ensure_ascii=False, indent=2))
        return
    for key in keys:
        where = ", ".join(key.libraries) or "every shared library"
        until = f"until {key.expires}" + (" (over)" if key.expired else "") if key.expires else "no end"
        pace = f"{key.rate} a minute" if key.rate else "any pace"
        print(f"{key.name}  {where}  {until}  {pace}" + ("  read only" if key.read_only else ""))
    if not keys:
        print("No keys yet. Make one: python -m docent key add NAME", file=sys.stderr)


def _remove(arguments: argparse.Namespace) -> None:
    _keys().remove(arguments.name)
    print(f"The key {arguments.name!r} is good for nothing any more.")
