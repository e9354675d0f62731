"""What the chat itself says, in English and in French."""

from __future__ import annotations

from typing import Any

LANGUAGES = ("en", "fr")

TEXTS: dict[str, tuple[str, str]] = {
    # sources
    "open_page": ("Open this page", "Ouvrir cette page"),
    "source_changed": (
        "This file has changed since; what was quoted is no longer there word for word.",
        "Ce fichier a changé depuis ; le passage cité ne s'y trouve plus mot pour mot.",
    ),
    "source_deleted": (
        "This file has been deleted since. What was quoted from it:",
        "Ce fichier a été supprimé depuis. Voici ce qui en avait été cité :",
    ),
    "stale_changed": (
        "⚠️ Since this answer, {files} changed. Ask again to hear what it says now.",
        "⚠️ Depuis cette réponse, {files} a changé. Reposez la question pour la version actuelle.",
    ),
    "stale_deleted": (
        "⚠️ Since this answer, {files} was deleted. Ask again to hear what the other documents say.",
        "⚠️ Depuis cette réponse, {files} a été supprimé. Reposez la question aux autres documents.",
    ),
    "ask_again": ("Ask again", "Reposer la question"),
    # the course of an answer
    "searched_for": ("Searched for: {searched}", "Recherché : {searched}"),
    "stopped": ("*Stopped.*", "*Arrêté.*"),
    "progress": ("{what}: {done} of {total}", "{what} : {done} sur {total}"),
    # export
    "export": ("Export", "Exporter"),
    "export_hint": ("Download this conversation", "Télécharger cette conversation"),
    "export_ready": (
        "[Download this conversation]({link}) as Markdown, with its sources.",
        "[Télécharger cette conversation]({link}) en Markdown, avec ses sources.",
    ),
    "export_empty": (
        "There is nothing to export yet. Ask a question first.",
        "Il n'y a encore rien à exporter. Posez d'abord une question.",
    ),
    "sources": ("Sources", "Sources"),
    "you": ("You", "Vous"),
}
"""By key: the English text and the French one."""


def say(key: str, language: str | None, **values: Any) -> str:
    """A text in a reader's language; English where we do not speak theirs."""
    return TEXTS[key][1 if speaks(language) == "fr" else 0].format(**values)


def speaks(language: str | None) -> str:
    """Ours that is nearest to a browser's language tag, such as fr-CA."""
    first = (language or "").lower().replace("_", "-").partition("-")[0]
    return first if first in LANGUAGES else "en"
