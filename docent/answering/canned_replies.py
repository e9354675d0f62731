"""Sentences that no model writes: replies without a model, and notices about an answer."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Sequence

from docent.answering.citing.citations import CitedAnswer
from docent.answering.extractive import best_sentences
from docent.answering.output_filter import display_name
from docent.answering.scoped_documents import answering
from docent.messages import Message, joined
from docent.types import UNFINISHED, Passage, StoredDocument

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
FROM_THE_MODEL = Message("This answer comes from the model alone; none of your documents supports it.")
NO_MODEL = Message("No language model answered; these are the best sentences found.")
TOO_LONG = Message(
    "The question is longer than the model's context; no language model answered. Ask a shorter one, "
    "or raise DOCENT_CONTEXT_TOKENS."
)
ONLY_THOUGHT = Message(
    "The model was still thinking when its answer reached the longest length allowed; these are the best "
    "sentences found. DOCENT_ANSWER_TOKENS raises it."
)
SILENT = Message(
    "The model gave no answer; these are the best sentences found. Ask again, perhaps in other words."
)
UNCHECKED = Message(
    "The answer is too long to be checked whole; no source is named for its last {n} sentences. Ask for a "
    "shorter one."
)

NAMES_SHOWN = 8
NEAREST_SHOWN = 3
LONGEST_QUOTED = 200
"""A model may copy half a page as one sentence."""


def uncited(text: str) -> CitedAnswer:
    """Return a reply without citations."""
    return CitedAnswer(text)


def about(documents: Sequence[StoredDocument]) -> CitedAnswer:
    """Describe what can be asked, from the catalog."""
    ready = answering(documents)
    if not ready:
        return uncited(
            Message(
                "I answer questions about your documents and show the page each answer comes from, but there "
                "are no documents yet. Put files into data/ and run: python ingest.py"
            )
        )
    pages = sum(document.pages for document in ready)
    intro = Message(
        "I answer questions about your {documents} ({pages}), and show the page each answer comes from:",
        documents=_documents(len(ready)),
        pages=Message("1 page") if pages == 1 else Message("{n:,} pages", n=pages),
    )
    more = Message(
        "You can also ask me to summarise a document, to compare two, or to list every document that "
        "mentions something."
    )
    return uncited(joined((intro, _listed(ready), more), "\n\n"))


def which(documents: Sequence[StoredDocument]) -> CitedAnswer:
    """Ask which of several documents "this document" means."""
    example = display_name(min(documents, key=lambda document: document.name).name)
    question = Message(
        "Which document do you mean? Name it as it is listed here, for example: summarise {example}",
        example=example,
    )
    return uncited(joined((question, _listed(documents)), "\n\n"))


def nothing_found(question: str, passages: Sequence[Passage], *, model: bool) -> CitedAnswer:
    """Say that the documents do not answer, with the nearest sentences."""
    shown = passages[:NEAREST_SHOWN]
    nearest = best_sentences(question, shown) if shown else uncited("")
    parts = (NOTHING, NEAREST if shown else "", nearest.text if shown else "", ANYWAY if model else "")
    return CitedAnswer(joined(parts, "\n\n"), nearest.citations)


def not_yet(documents: Sequence[StoredDocument]) -> str:
    """Name the documents that are still being prepared and may answer later; empty for none."""
    names = [display_name(document.name) for document in documents if document.state in UNFINISHED]
    return Message(NOT_YET, files=and_more(names, NEAREST_SHOWN)) if names else ""


def and_more(names: Sequence[str], most: int) -> Message:
    """Return the first names, and how many there are beside them."""
    shown = ", ".join(names[:most])
    if len(names) <= most:
        return Message("{names}", names=shown)
    return Message("{names} and {n} more", names=shown, n=len(names) - most)


def warnings(cited: CitedAnswer, *, cut_short: bool) -> list[Message]:
    """Return the notices about a cited answer: where it ends early, and what no passage supports."""
    notices: list[Message] = []
    if cut_short:
        notices.append(
            Message("The answer reached the longest length allowed; DOCENT_ANSWER_TOKENS raises it.")
        )
    if cited.unfinished:
        notices.append(Message("The last sentence is unfinished, so no source is named for it."))
    if cited.unchecked:
        notices.append(Message(UNCHECKED, n=cited.unchecked))
    if cited.doubtful:
        notices.append(
            Message(
                "In none of the passages: {what}. Check before you rely on it.",
                what=", ".join(cited.doubtful),
            )
        )
    if cited.unsupported:
        first = textwrap.shorten(cited.unsupported[0], LONGEST_QUOTED, placeholder=" …")
        others = len(cited.unsupported) - 1
        notices.append(
            Message("No passage was found to support: “{what}” (and {n} more)", what=first, n=others)
            if others
            else Message("No passage was found to support: “{what}”", what=first)
        )
    return notices


def _listed(documents: Sequence[StoredDocument]) -> Message:
    libraries: dict[str, list[StoredDocument]] = defaultdict(list)
    for document in documents:
        libraries[document.library].append(document)
    return joined((_library(name, libraries[name]) for name in sorted(libraries)), "\n")


def _library(name: str, documents: Sequence[StoredDocument]) -> Message:
    names = sorted(display_name(document.name) for document in documents)
    return Message(
        "- **{library}**, {documents}: {names}",
        library=display_name(name),
        documents=_documents(len(names)),
        names=and_more(names, NAMES_SHOWN),
    )


def _documents(number: int) -> Message:
    return Message("1 document") if number == 1 else Message("{n:,} documents", n=number)
