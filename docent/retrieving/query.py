"""Query."""

from __future__ import annotations

import datetime
import difflib
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from docent.errors import InputError, UnknownDocument, UnknownLibrary
from docent.messages import Message
from docent.types import Scope, StoredDocument

QUOTES = str.maketrans("“”„«»", '"""""')
FILTER = re.compile(r'(?<!\S)(file|library|folder|type|since|until):(?:"([^"]*)"|(\S+))', re.IGNORECASE)
WITHOUT = re.compile(r'(?<!\S)-(?:"([^"]+)"|([^\W\d_][\w’\'-]*))')
PHRASE = re.compile(r'"([^"]+)"')
DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?")
MOST_CONDITIONS = 32
"""Each is compared with every candidate: 300 excluded words took a second."""
KINDS = {"md": "markdown", "txt": "text", "htm": "html", "doc": "docx"}


@dataclass(frozen=True, slots=True)
class Query:
    """A question, and the conditions that were written into it."""

    text: str
    """The question without its conditions; what stood in quotes stays, without the quotes."""
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    folder: str = ""
    kinds: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    def allows(self, text: str) -> bool:
        """Whether a passage holds every phrase, and nothing that was excluded."""
        plain = _plain(text)
        return all(_plain(phrase) in plain for phrase in self.phrases) and not any(
            re.search(rf"(?<!\w){re.escape(_plain(word))}(?!\w)", plain) for word in self.without
        )


def parse(question: str) -> Query:
    """Raises InputError where a condition cannot be understood."""
    text = question.translate(QUOTES)
    given: dict[str, list[str]] = {}
    for name, quoted, bare in FILTER.findall(text):
        given.setdefault(name.lower(), []).append(quoted or bare)
    text = FILTER.sub(" ", text)
    without = tuple(quoted or bare for quoted, bare in WITHOUT.findall(text))
    text = WITHOUT.sub(" ", text)
    phrases = tuple(phrase for phrase in PHRASE.findall(text) if phrase.strip())
    if not (plain := " ".join(text.replace('"', " ").split())):
        raise InputError("There is nothing to search for but conditions. Add what you want to know.")
    if (conditions := len(phrases) + len(without) + sum(map(len, given.values()))) > MOST_CONDITIONS:
        raise InputError(
            "The question has {conditions} conditions (words in quotation marks, words with a minus, "
            "filters such as file:); there may be {most}. Leave some out.",
            conditions=conditions,
            most=MOST_CONDITIONS,
        )
    for date in (*given.get("since", ()), *given.get("until", ())):
        _check_date(date)
    return Query(
        text=plain,
        phrases=phrases,
        without=without,
        files=tuple(given.get("file", ())),
        libraries=tuple(given.get("library", ())),
        folder=given.get("folder", [""])[-1],
        kinds=_kinds(given.get("type", ())),
        since=given.get("since", [""])[-1],
        until=given.get("until", [""])[-1],
    )


def check_scope(scope: Scope) -> Scope:
    """A scope that somebody typed, its types by their names here. Raises InputError for what is no date."""
    for date in (scope.since, scope.until):
        if date:
            _check_date(date)
    return replace(scope, kinds=_kinds(scope.kinds))


def narrow_scope(scope: Scope, query: Query, documents: Sequence[StoredDocument]) -> Scope:
    """The scope, made no wider than the question's conditions; `documents` are those in scope.

    Raises UnknownLibrary or UnknownDocument with the names that come near.
    """
    libraries = tuple(_library(name, documents) for name in query.libraries)
    ids = tuple(found for name in query.files for found in _files(name, documents))
    kinds = tuple(kind for kind in query.kinds if kind in (scope.kinds or query.kinds))
    return replace(
        scope,
        libraries=libraries or scope.libraries,
        documents=ids or scope.documents,
        folder=_inside(scope.folder.strip("/"), query.folder.strip("/")),
        kinds=kinds or (("none",) if query.kinds else scope.kinds),
        since=max(query.since, scope.since),
        # "2023" ends after "2023-07".
        until=min(filter(None, (query.until, scope.until)), key=lambda date: date + "~", default=""),
    )


def _inside(outer: str, inner: str) -> str:
    """The inner folder; it may be said with the outer one or without."""
    if not outer or not inner:
        return outer or inner
    return inner if f"{inner}/".startswith(f"{outer}/") else f"{outer}/{inner}"


def _kinds(typed: Sequence[str]) -> tuple[str, ...]:
    plain = (kind.lower().removeprefix(".") for kind in typed)
    return tuple(KINDS.get(kind, kind) for kind in plain)


def _check_date(typed: str) -> None:
    try:
        if not DATE.fullmatch(typed):
            raise ValueError
        datetime.date.fromisoformat(typed + "-01-01"[len(typed) - 4 :])
    except ValueError as error:
        raise InputError(
            "{typed!r} is not a date. Write a year, 2023, a month, 2023-07, or a day, 2023-07-31.",
            typed=typed,
        ) from error


def _library(name: str, documents: Sequence[StoredDocument]) -> str:
    known = sorted({document.library for document in documents})
    for library in known:
        if library.lower() == name.lower():
            return library
    raise UnknownLibrary(
        "library:{name} names no library that is searched here. There are: {known}.",
        name=name,
        known=", ".join(known) or "none",
    )


def _files(name: str, documents: Sequence[StoredDocument]) -> list[str]:
    """Documents of this name, else of this name without its ending, else those whose name holds it."""
    wanted = name.lower().rpartition("/")[2]
    for fits in (
        lambda known: known == wanted,
        lambda known: known.rpartition(".")[0] == wanted,
        lambda known: wanted in known,
    ):
        if found := [document.id for document in documents if fits(document.name.lower())]:
            return found
    names = sorted({document.name for document in documents})
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:3]
    hint = f"Did you mean {', '.join(near)}?" if near else "There are no documents yet."
    raise UnknownDocument("file:{name} names no document that is searched here. {more}", name=name, more=hint)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


MOST_PARTS = 4  # each costs an embedding
SHORTEST_PART = 3  # words; less says nothing by itself
YEAR = re.compile(r"(?:19|20)\d\d")
FISCAL = re.compile(r"\b(?:FY|CY)\s?'?(\d{4}|\d{2})\b", re.IGNORECASE)
QUARTERS = {"q1": "first quarter", "q2": "second quarter", "q3": "third quarter", "q4": "fourth quarter"}
PART_ENDS = re.compile(
    r"(?<=[.?!;:])\s+"
    r"|,\s+(?=(?:what|how|which|who|when|where|why|is|are|does|did|has|have|was|were)\b)",
    re.IGNORECASE,
)
FIGURES = re.compile(
    r"how (?:much|many|long|old|far|large|big|high)|amount|ratio|margin|\brates?\b|percent|%|average|total"
    r"|number|\bwhen\b|what year|\bdates?\b|increas|decreas|highe[rs]|lowe[rs]|larg|small|growth|grew|chang"
    r"|declin|improv|most|least|\bcosts?\b|price|\bpays?\b|paid|\b(?:USD|EUR|GBP)\b|[€$£]"
    r"|combien|quand|\bprix|coût|montant|taux|wie (?:viel|hoch|lang|oft|alt)|\bwann|preis|kosten|betrag"
    r"|anteil|cuánt|cuándo|precio|importe|\bquant[oaie]|quando|prezzo|\bcosto|preço|\bvalor|hoeveel|wanneer"
    r"|prijs|bedrag",
    re.IGNORECASE,
)
DATA = re.compile(
    r"\b(?:data|figures|statistics|donn[ée]es|chiffres|statistiques|daten|zahlen|statistik|datos|cifras|dati|cifre"
    r"|dados|gegevens|cijfers)\b",
    re.IGNORECASE,
)


def parts(question: str) -> list[str]:
    """The sentences and clauses of a compound question; none for a simple one."""
    found = [part.strip() for part in PART_ENDS.split(question)]
    telling = [part for part in found if len(part.split()) >= SHORTEST_PART]
    return telling[:MOST_PARTS] if len(telling) > 1 else []


def with_years(question: str) -> str:
    """The question with its fiscal years and quarters also written out: "FY18" is 2018."""
    years = [digits if len(digits) == 4 else f"20{digits}" for digits in FISCAL.findall(question)]
    words = set(re.findall(r"\w+", question.lower()))
    more = [*years, *(said for quarter, said in QUARTERS.items() if quarter in words)]
    return " ".join([question, *dict.fromkeys(more)])


def wants_figures(question: str) -> bool:
    """Whether a number, an amount or a date would answer, or a comparison that rests on one.

    The data of a year are figures; personal data are none.
    """
    return bool(FIGURES.search(question) or (DATA.search(question) and YEAR.search(with_years(question))))


MAX_QUESTION = 100_000
"""Characters of a question; a longer one is refused."""
MAX_SEARCHED = 2_000
"""Characters that are searched: one half from the beginning, one from the end, where the question stands."""
SHORT = 300
"""Characters of a question that is searched at once; longer ones are searched one after another."""
NO_QUOTES = dict.fromkeys(map(ord, '"“”„«»'), " ")

_long_ones = threading.Lock()


def check_length(question: str) -> None:
    """Refuse a question that is longer than any model reads. Raises InputError."""
    if len(question) > MAX_QUESTION:
        raise InputError(
            "A question may have {most:,} characters; this one has {length:,}. Shorten it, or add "
            "the text as a document and ask about it.",
            most=MAX_QUESTION,
            length=len(question),
        )


def shorten_question(question: str) -> str:
    """Return what of a question is searched: all of it, or the beginning and the end of a long one.

    Quotation marks of a text that was cut are no conditions: some would have lost the other. Raises
    InputError as `check_length` does.
    """
    check_length(question)
    if len(question) <= MAX_SEARCHED:
        return question
    half = MAX_SEARCHED // 2
    return f"{question[:half]} … {question[-half:]}".translate(NO_QUOTES)


def shortened_notice(question: str) -> str:
    """Return the sentence that says what of a question was not searched; empty where all of it was."""
    if len(question) <= MAX_SEARCHED:
        return ""
    half = MAX_SEARCHED // 2
    return Message(
        "Of the question's {n:,} characters only the first {half:,} and the last {half:,} were searched. For "
        "more, ask in fewer words, or add the text as a document.",
        n=len(question),
        half=half,
    )


def is_long(question: str) -> bool:
    return len(question) > SHORT


@contextmanager
def in_turn(question: str) -> Iterator[None]:
    """Search long questions one after another; a short one does not wait for them."""
    if not is_long(question):
        yield
        return
    with _long_ones:
        yield
