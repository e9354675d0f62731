"""`docent mcp`: lend the documents to one agent, which starts this command and talks to it."""

from __future__ import annotations

import argparse

from docent.settings import Settings


def define_mcp(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--library",
        action="append",
        default=[],
        metavar="L",
        help="only this library; may be given several times",
    )
    command.add_argument("--read-only", action="store_true", help="the agent may not add documents")
    command.epilog = "docs/agents.md says how Claude Desktop, VS Code and others start it."


def run_mcp(arguments: argparse.Namespace) -> None:
    from docent.app import open_docent
    from docent.web.mcp.mcp_transports import serve_stdio

    with open_docent(Settings.read()) as docent:
        for library in arguments.library:
            docent.check_library(library)
        docent.work()
        serve_stdio(docent, libraries=arguments.library, read_only=arguments.read_only)
