"""What is said without a model: a greeting, what there is to ask about, and that nothing was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from docent.answering.citing.citations import Cited
from docent.answering.extractive import best_sentences
from docent.answering.output_filter import named
from docent.types import ANSWERING, UNFINISHED, Passage, StoredDocument

HELLO = "Hello! Ask me anything about your documents, and I will show you the page each answer comes from."
WELCOME = "You are welcome. Ask on whenever you like."
NOTHING = "Nothing in the documents that were searched speaks of this."
NEAREST = "The nearest that was found, which may not answer it:"
ANYWAY = (
    'To hear what the model knows without your documents, write "answer anyway" '
    '(in a terminal: "answer anyway: " and the question).'
)
NOT_YET = "Still being prepared, so that they may answer later: {files}. Ask again in a while."
NO_QUESTION = 'Which question? Write "answer anyway: " and the question in one line.'
UNGROUNDED = "**Not from your documents.** "
WHICH = "Which document do you mean? Name it as it is listed here, for example: summarise {example}"
NAMES_SHOWN = 8
NEAREST_SHOWN = 3


def plain(text: str) -> Cited:
    return Cited(text, (), (), (), ())


def about(documents: Sequence[StoredDocument]) -> Cited:
    """What can be asked, from the catalog."""
    answering = [document for document in documents if document.state in ANSWERING]
    if not answering:
        return plain(
            "I answer questions about your documents and show the page each answer comes from, but there are "
            "no documents yet. Put files into data/ and run: python ingest.py"
        )
    pages = sum(document.pages for document in answering)
    return plain(
        f"I answer questions about your {_count(len(answering), 'document')} "
        f"({_count(pages, 'page')}), and show the page each answer comes from:\n\n"
        + _listed(answering)
        + "\n\nYou can also ask me to summarise a document, to compare two, or to list every document that "
        "mentions something."
    )


def which(documents: Sequence[StoredDocument]) -> Cited:
    """That "this document" may be any of several."""
    example = named(min(documents, key=lambda one: one.name).name)
    return plain(f"{WHICH.format(example=example)}\n\n{_listed(documents)}")


def nothing_found(question: str, passages: Sequence[Passage], *, model: bool) -> Cited:
    """That the documents do not answer, with what came nearest."""
    shown = passages[:NEAREST_SHOWN]
    nearest = best_sentences(question, shown) if shown else plain("")
    parts = [NOTHING, f"{NEAREST}\n\n{nearest.text}" if shown else "", ANYWAY if model else ""]
    return Cited("\n\n".join(filter(None, parts)), nearest.citations, (), (), ())


def not_yet(documents: Sequence[StoredDocument]) -> str:
    """Which documents may answer later what they do not answer now; empty: none."""
    names = [named(document.name) for document in documents if document.state in UNFINISHED]
    more = f" and {len(names) - NEAREST_SHOWN} more" if len(names) > NEAREST_SHOWN else ""
    return NOT_YET.format(files=", ".join(names[:NEAREST_SHOWN]) + more) if names else ""


def _listed(documents: Sequence[StoredDocument]) -> str:
    libraries: dict[str, list[StoredDocument]] = defaultdict(list)
    for document in documents:
        libraries[document.library].append(document)
    return "\n".join(_library(name, libraries[name]) for name in sorted(libraries))


def _library(name: str, documents: Sequence[StoredDocument]) -> str:
    names = sorted(named(document.name) for document in documents)
    shown = ", ".join(names[:NAMES_SHOWN])
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return f"- **{named(name)}**, {_count(len(names), 'document')}: {shown}{more}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
