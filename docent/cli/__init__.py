"""The commands of `python -m docent`; here are the options and the output that several share."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from docent.errors import DocentError
from docent.types import Scope

CLEAR_LINE = "\r\033[K"
"""Makes a terminal write the next text over this line."""


def run(arguments: argparse.Namespace) -> int:
    """Run a parsed command and return its exit code; a DocentError becomes a sentence on stderr."""
    try:
        code = int(arguments.run(arguments) or 0)
        print(end="", flush=True)
        return code
    except DocentError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # such as `head`, after its lines
        # Discard the rest of the buffer; Python would fail to write it at exit, with code 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141


def add_library(command: argparse.ArgumentParser) -> None:
    command.add_argument("--library", metavar="L", help="only in this library (a folder of data/)")


def add_filters(command: argparse.ArgumentParser) -> None:
    command.add_argument("--folder", default="", metavar="F", help="only below this folder of the library")
    command.add_argument(
        "--type", action="append", metavar="T", help="only of this type: pdf, markdown, text …"
    )
    command.add_argument(
        "--since", default="", metavar="D", help="only documents from this date (2023-07) on"
    )
    command.add_argument("--until", default="", metavar="D", help="only documents up to this date")


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def scope(arguments: argparse.Namespace, **more: Any) -> Scope:
    """Return the scope that the options of a command describe."""
    options = vars(arguments)
    return Scope(
        libraries=(arguments.library,) if arguments.library else (),
        folder=options.get("folder", ""),
        kinds=tuple(options.get("type") or ()),
        since=options.get("since", ""),
        until=options.get("until", ""),
        **more,
    )


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))
