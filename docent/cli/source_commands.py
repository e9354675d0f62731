"""`docent sources`: show the sources, and bring them level with what they have now."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import asdict
from typing import Any

from docent.cli import print_json
from docent.settings import Settings

LISTED = ("added", "changed", "unchanged", "removed")


def add_sources_command(commands: Any) -> None:
    about = "Documents from sites, mailboxes and other servers, as sources.toml names them."
    command = commands.add_parser("sources", help=about, description=about)
    steps = command.add_subparsers(title="steps", metavar="STEP", required=True)
    listing = steps.add_parser("list", help="show the sources and their folders")
    listing.set_defaults(run=run_list_sources)
    sync = steps.add_parser("sync", help="copy what is new, remove what is gone, and ingest it")
    sync.add_argument("names", nargs="*", metavar="NAME", help="only these sources")
    sync.set_defaults(run=run_sync)
    for step in (listing, sync):
        step.add_argument("--json", action="store_true", help="print JSON for machines")


def run_list_sources(arguments: argparse.Namespace) -> None:
    from docent.app import open_sources

    sources = open_sources(Settings.read())
    named = sources.settings if sources else {}
    found = [
        {"name": name, "kind": each.kind, "folder": str(sources.folder(name))}
        for name, each in named.items()
        if sources
    ]
    if arguments.json:
        print_json(found)
    elif not found:
        print("No sources are named. docs/sources.md has examples.", file=sys.stderr)
    else:
        for each in found:
            print(f"{each['name']}  {each['kind']}  {each['folder']}")


def run_sync(arguments: argparse.Namespace) -> int:
    from docent.app import open_docent

    with open_docent(Settings.read()) as docent:
        reports, files = docent.sync_sources(arguments.names)
    if arguments.json:
        print_json({"sources": [asdict(each) for each in reports], "files": [asdict(each) for each in files]})
    else:
        for report in reports:
            counts = ", ".join(f"{getattr(report, name)} {name}" for name in LISTED if getattr(report, name))
            print(f"{report.source}: {counts or 'nothing'}")
            for sentence in (report.stopped, report.note, *report.failed):
                if sentence:
                    print(f"  {sentence}", file=sys.stderr)
        counted = Counter(str(file.outcome) for file in files)
        print("Documents: " + (", ".join(f"{n} {what}" for what, n in sorted(counted.items())) or "none"))
        for file in files:
            if file.outcome == "failed":
                print(f"  {file.path}: {file.reason}", file=sys.stderr)
    well = all(report.is_well for report in reports) and not any(file.outcome == "failed" for file in files)
    return 0 if well else 1
