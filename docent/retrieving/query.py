"""Parse a question: its length, the conditions written into it, and what it asks for.

"net sales"        must stand in the passage, to the letter
-draft             must not stand in it
file:handbook.pdf  only in this document; also library: folder: type: since: until:

A search costs more the longer the question is: every clause of it is embedded, every word is looked up.
docs/security.md has the figures.
"""

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

MAX_QUESTION = 100_000
"""Characters of a question; a longer one is refused."""
MAX_SEARCHED = 2_000
"""Characters that are searched: half from the beginning and half from the end, where the question stands."""
MAX_SHORT = 300
"""Characters of a question that is searched at once; longer ones are searched one after another."""
MAX_CONDITIONS = 32
"""Each is compared with every candidate: 300 excluded words took a second."""
MAX_CLAUSES = 4  # each costs an embedding
MIN_CLAUSE_WORDS = 3  # fewer say nothing by themselves

QUOTES = str.maketrans("“”„«»", '"""""')
NO_QUOTES = dict.fromkeys(map(ord, '"“”„«»'), " ")
FILTER = re.compile(r'(?<!\S)(file|library|folder|type|since|until):(?:"([^"]*)"|(\S+))', re.IGNORECASE)
WITHOUT = re.compile(r'(?<!\S)-(?:"([^"]+)"|([^\W\d_][\w’\'-]*))')
PHRASE = re.compile(r'"([^"]+)"')
DATE = re.compile(r"\d{4}(?:-\d\d(?:-\d\d)?)?")
KINDS = {"md": "markdown", "txt": "text", "htm": "html", "doc": "docx"}

YEAR = re.compile(r"(?:19|20)\d\d")
FISCAL = re.compile(r"\b(?:FY|CY)\s?'?(\d{4}|\d{2})\b", re.IGNORECASE)
QUARTERS = {"q1": "first quarter", "q2": "second quarter", "q3": "third quarter", "q4": "fourth quarter"}
CLAUSE_ENDS = re.compile(
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

_long_questions = threading.Lock()


@dataclass(frozen=True, slots=True)
class Query:
    """A question, and the conditions that were written into it."""

    text: str
    """The question without its conditions; quoted words stay, without the quotation marks."""
    phrases: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    folder: str = ""
    kinds: tuple[str, ...] = ()
    since: str = ""
    until: str = ""

    def allows(self, text: str) -> bool:
        """Return whether a passage holds every phrase and no excluded word."""
        plain = _normalise(text)
        return all(_normalise(phrase) in plain for phrase in self.phrases) and not any(
            re.search(rf"(?<!\w){re.escape(_normalise(word))}(?!\w)", plain) for word in self.without
        )


def parse(question: str) -> Query:
    """Separate a question from its conditions. Raises InputError where a condition cannot be understood."""
    text = question.translate(QUOTES)
    filters: dict[str, list[str]] = {}
    for name, quoted, bare in FILTER.findall(text):
        filters.setdefault(name.lower(), []).append(quoted or bare)
    text = FILTER.sub(" ", text)
    without = tuple(quoted or bare for quoted, bare in WITHOUT.findall(text))
    text = WITHOUT.sub(" ", text)
    phrases = tuple(phrase for phrase in PHRASE.findall(text) if phrase.strip())
    if not (plain := " ".join(text.replace('"', " ").split())):
        raise InputError("There is nothing to search for but conditions. Add what you want to know.")
    if (conditions := len(phrases) + len(without) + sum(map(len, filters.values()))) > MAX_CONDITIONS:
        raise InputError(
            "The question has {conditions} conditions (words in quotation marks, words with a minus, "
            "filters such as file:); there may be {most}. Leave some out.",
            conditions=conditions,
            most=MAX_CONDITIONS,
        )
    for date in (*filters.get("since", ()), *filters.get("until", ())):
        _check_date(date)
    return Query(
        text=plain,
        phrases=phrases,
        without=without,
        files=tuple(filters.get("file", ())),
        libraries=tuple(filters.get("library", ())),
        folder=filters.get("folder", [""])[-1],
        kinds=_kinds(filters.get("type", ())),
        since=filters.get("since", [""])[-1],
        until=filters.get("until", [""])[-1],
    )


def check_scope(scope: Scope) -> Scope:
    """Return a scope that somebody typed with its types by our names. Raises InputError for a wrong date."""
    for date in (scope.since, scope.until):
        if date:
            _check_date(date)
    return replace(scope, kinds=_kinds(scope.kinds))


def narrow_scope(scope: Scope, query: Query, documents: Sequence[StoredDocument]) -> Scope:
    """Narrow the scope by the question's conditions; `documents` are those in scope.

    Raises UnknownLibrary or UnknownDocument with the nearest names.
    """
    libraries = tuple(_match_library(name, documents) for name in query.libraries)
    document_ids = tuple(matched for name in query.files for matched in _match_file(name, documents))
    kinds = tuple(kind for kind in query.kinds if kind in (scope.kinds or query.kinds))
    outer, inner = scope.folder.strip("/"), query.folder.strip("/")
    if outer and inner and not f"{inner}/".startswith(f"{outer}/"):
        inner = f"{outer}/{inner}"  # a folder may be written with the one around it or without
    return replace(
        scope,
        libraries=libraries or scope.libraries,
        documents=document_ids or scope.documents,
        folder=inner or outer,
        kinds=kinds or (("none",) if query.kinds else scope.kinds),
        since=max(query.since, scope.since),
        # "2023" ends after "2023-07".
        until=min(filter(None, (query.until, scope.until)), key=lambda date: date + "~", default=""),
    )


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
    """Return the part of a question that is searched: all of it, or both ends of a long one.

    Quotation marks in a text that was cut are no conditions: some would lack their other half. Raises
    InputError as `check_length` does.
    """
    check_length(question)
    if len(question) <= MAX_SEARCHED:
        return question
    half = MAX_SEARCHED // 2
    return f"{question[:half]} … {question[-half:]}".translate(NO_QUOTES)


def shortened_notice(question: str) -> str:
    """Return the sentence that tells which part of a question was searched; empty where all of it was."""
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
    return len(question) > MAX_SHORT


@contextmanager
def in_turn(question: str) -> Iterator[None]:
    """Search long questions one after another; a short one does not wait for them."""
    if not is_long(question):
        yield
        return
    with _long_questions:
        yield


def clauses_of(question: str) -> list[str]:
    """Return the sentences and clauses of a compound question; none for a simple one."""
    clauses = [clause.strip() for clause in CLAUSE_ENDS.split(question)]
    long_enough = [clause for clause in clauses if len(clause.split()) >= MIN_CLAUSE_WORDS]
    return long_enough[:MAX_CLAUSES] if len(long_enough) > 1 else []


def with_years(question: str) -> str:
    """Return the question with fiscal years and quarters also written out: "FY18" is 2018."""
    years = [digits if len(digits) == 4 else f"20{digits}" for digits in FISCAL.findall(question)]
    words = set(re.findall(r"\w+", question.lower()))
    quarters = [written_out for quarter, written_out in QUARTERS.items() if quarter in words]
    return " ".join([question, *dict.fromkeys([*years, *quarters])])


def wants_figures(question: str) -> bool:
    """Return whether a number, an amount or a date would answer, or a comparison that rests on one.

    The data of a year are figures; personal data are not.
    """
    return bool(FIGURES.search(question) or (DATA.search(question) and YEAR.search(with_years(question))))


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


def _match_library(name: str, documents: Sequence[StoredDocument]) -> str:
    known = sorted({document.library for document in documents})
    for library in known:
        if library.lower() == name.lower():
            return library
    raise UnknownLibrary(
        "library:{name} names no library that is searched here. There are: {known}.",
        name=name,
        known=", ".join(known) or Message("none"),
    )


def _match_file(name: str, documents: Sequence[StoredDocument]) -> list[str]:
    """Return the documents of this name, else of this name without its suffix, else with it in their name."""
    wanted = name.lower().rpartition("/")[2]
    for fits in (
        lambda known: known == wanted,
        lambda known: known.rpartition(".")[0] == wanted,
        lambda known: wanted in known,
    ):
        if matched := [document.id for document in documents if fits(document.name.lower())]:
            return matched
    names = sorted({document.name for document in documents})
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:3]
    hint = (
        Message("Did you mean {names}?", names=", ".join(near))
        if near
        else Message("There are no documents yet.")
    )
    raise UnknownDocument("file:{name} names no document that is searched here. {more}", name=name, more=hint)


def _normalise(text: str) -> str:
    return " ".join(text.casefold().split())
