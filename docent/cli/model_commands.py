"""`docent model embedding NAME`: choose the model that embeds texts, and build the index with it."""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

from docent.cli.ingest_command import run_ingest
from docent.errors import InputError
from docent.settings import Settings

SETTING = "DOCENT_EMBEDDING_MODEL"
DOTENV = Path(".env")


def add_model_command(commands: Any) -> None:
    about = "Choose the model that turns texts into vectors, and build the index with it."
    command = commands.add_parser("model", help=about, description=about)
    kinds = command.add_subparsers(title="models", metavar="KIND", required=True)
    embedding = kinds.add_parser("embedding", help="the embedding model", description=about)
    embedding.add_argument(
        "name",
        help="all-MiniLM-L6-v2, a folder with a model of sentence-transformers, a hub name in "
        "storage/models, ollama:NAME or plugin:NAME",
    )
    embedding.add_argument("--json", action="store_true", help="print the result of the rebuild as JSON")
    embedding.set_defaults(run=run_embedding)


def run_embedding(arguments: argparse.Namespace) -> int:
    """Try the model, write the setting into .env, and rebuild the index beside the one that answers."""
    from docent.app import open_embedding

    refuse_other_environment(arguments.name)
    embedder = open_embedding(Settings.read().model_copy(update={"embedding_model": arguments.name}))
    try:
        embedder.embed_query("A question.")  # a model that cannot run is not chosen
        languages = ", ".join(sorted(getattr(embedder, "languages", ()))) or "not named"
        print(
            f"{embedder.name}: {embedder.dimensions} dimensions, reads {embedder.max_tokens} tokens; "
            f"languages: {languages}",
            file=sys.stderr,
        )
    finally:
        embedder.close()
    write_setting(DOTENV, SETTING, arguments.name)
    print(f"{DOTENV} now has {SETTING}={arguments.name}. Restart a Docent that is running.", file=sys.stderr)
    return run_ingest(
        argparse.Namespace(
            paths=[], rebuild="quick", rollback=False, forget_previous=False, password=False,
            retry_failed=False, watch=False, json=arguments.json,
        )
    )  # fmt: skip


def refuse_other_environment(name: str) -> None:
    """Raise InputError where the environment names another model than .env is going to."""
    if os.environ.get(SETTING, name) != name:
        raise InputError(
            "{setting} is set to {value!r} in the environment, which wins over .env. Change it there, and "
            "run: python -m docent ingest --rebuild",
            setting=SETTING,
            value=os.environ[SETTING],
        )


def write_setting(path: Path, name: str, value: str) -> None:
    """Write a setting into a file of settings, in place of the line that sets it now."""
    lines = path.read_text(encoding="utf-8-sig").splitlines() if path.exists() else []
    others = [line for line in lines if not re.match(rf"\s*(?:export\s+)?{name}\s*=", line)]
    part = path.with_name(f"{path.name}.part")
    part.write_text("\n".join([*others, f"{name}={value}"]) + "\n", encoding="utf-8")
    part.replace(path)  # whole or not at all
