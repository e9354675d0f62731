"""What is said without a model: a greeting, what there is to ask about, and that nothing was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from docent.answering.citing.citations import CitedAnswer
from docent.answering.extractive import best_sentences
from docent.answering.output_filter import named
from docent.messages import Message, joined
from docent.types import ANSWERING, UNFINISHED, Passage, StoredDocument

HELLO = Message(
    "Hello! Ask me anything about your documents, and I will show you the page each answer comes from."
)
WELCOME = Message("You are welcome. Ask on whenever you like.")
NOTHING = Message("Nothing in the documents that were searched speaks of this.")
NEAREST = Message("The nearest that was found, which may not answer it:")
ANYWAY = Message(
    'To hear what the model knows without your documents, write "answer anyway" '
    '(in a terminal: "answer anyway: " and the question).'
)
NOT_YET = Message("Still being prepared, so that they may answer later: {files}. Ask again in a while.")
NO_QUESTION = Message('Which question? Write "answer anyway: " and the question in one line.')
UNGROUNDED = Message("**Not from your documents.**")
NAMES_SHOWN = 8
NEAREST_SHOWN = 3


def plain(text: str) -> CitedAnswer:
    return CitedAnswer(text, (), (), (), ())


def about(documents: Sequence[StoredDocument]) -> CitedAnswer:
    """What can be asked, from the catalog."""
    answering = [document for document in documents if document.state in ANSWERING]
    if not answering:
        return plain(
            Message(
                "I answer questions about your documents and show the page each answer comes from, but there "
                "are no documents yet. Put files into data/ and run: python ingest.py"
            )
        )
    pages = sum(document.pages for document in answering)
    intro = Message(
        "I answer questions about your {documents} ({pages}), and show the page each answer comes from:",
        documents=_documents(len(answering)),
        pages=Message("1 page") if pages == 1 else Message("{n:,} pages", n=pages),
    )
    more = Message(
        "You can also ask me to summarise a document, to compare two, or to list every document that "
        "mentions something."
    )
    return plain(joined((intro, _listed(answering), more), "\n\n"))


def which(documents: Sequence[StoredDocument]) -> CitedAnswer:
    """That "this document" may be any of several."""
    example = named(min(documents, key=lambda one: one.name).name)
    question = Message(
        "Which document do you mean? Name it as it is listed here, for example: summarise {example}",
        example=example,
    )
    return plain(joined((question, _listed(documents)), "\n\n"))


def nothing_found(question: str, passages: Sequence[Passage], *, model: bool) -> CitedAnswer:
    """That the documents do not answer, with what came nearest."""
    shown = passages[:NEAREST_SHOWN]
    nearest = best_sentences(question, shown) if shown else plain("")
    parts = (NOTHING, NEAREST if shown else "", nearest.text if shown else "", ANYWAY if model else "")
    return CitedAnswer(joined(parts, "\n\n"), nearest.citations, (), (), ())


def not_yet(documents: Sequence[StoredDocument]) -> str:
    """Which documents may answer later what they do not answer now; empty: none."""
    names = [named(document.name) for document in documents if document.state in UNFINISHED]
    return Message(NOT_YET, files=and_more(names, NEAREST_SHOWN)) if names else ""


def and_more(names: Sequence[str], most: int) -> Message:
    """Return the first names, and how many there are beside them."""
    shown = ", ".join(names[:most])
    if len(names) <= most:
        return Message("{names}", names=shown)
    return Message("{names} and {n} more", names=shown, n=len(names) - most)


def _listed(documents: Sequence[StoredDocument]) -> Message:
    libraries: dict[str, list[StoredDocument]] = defaultdict(list)
    for document in documents:
        libraries[document.library].append(document)
    return joined((_library(name, libraries[name]) for name in sorted(libraries)), "\n")


def _library(name: str, documents: Sequence[StoredDocument]) -> Message:
    names = sorted(named(document.name) for document in documents)
    return Message(
        "- **{library}**, {documents}: {names}",
        library=named(name),
        documents=_documents(len(names)),
        names=and_more(names, NAMES_SHOWN),
    )


def _documents(number: int) -> Message:
    return Message("1 document") if number == 1 else Message("{n:,} documents", n=number)
