"""Files of Docent that are no code: the chat's page, personas, the content policy, sample documents."""

from __future__ import annotations

from pathlib import Path

INSTALLED = Path(__file__).resolve().parent / "installed"
"""In an installed package; the build puts the files there, as pyproject.toml says."""

FILES = INSTALLED if INSTALLED.is_dir() else INSTALLED.parent.parent
"""Holds app.py, public/, .chainlit/, chainlit.md, personas.toml, policy.toml and data/."""
