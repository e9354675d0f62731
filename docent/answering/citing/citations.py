"""Which characters of which page support each sentence of an answer. No second model is asked."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from docent.answering.citing import alignment, claims, sentences
from docent.answering.citing.units import FIGURE
from docent.answering.citing.vocabulary import NUMBERS
from docent.answering.output_filter import addresses, clean, relink
from docent.types import Citation, Passage

MARK = re.compile(r"\s?\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
OTHER_MARKS = re.compile(
    r"\s?(?:【(\d{1,3})[^】]{0,20}】|[\[(](?:passages?|sources?|doc(?:ument)?s?|ref|quelle|passage n°) ?"
    r"(\d{1,3}(?:(?:,| and|,? &) ?\d{1,3})*)[\])]|\[\^(\d{1,3})\])",
    re.IGNORECASE,
)
"""Other ways in which models write a number: 【1】, (source 2), [Passage 1, 2], [^3]."""

LOOKED_AT = 20
"""Passages in which a sentence is looked for word by word; a document read whole has hundreds."""
LEAST_WORDS = 2  # "Yes." and "Of course!" need no support
SAYS_NOT = re.compile(
    r"\b(passages?|documents?|texts?|sources?|passagen|dokumente?)\b[^.]*\b(not|no|nothing|n't|nicht|nichts|rien|kein\w*|pas|ne)\b"
    r"|\b(do(es)? not|don't|doesn't|cannot|can't) (say|mention|contain|find|answer|know|provide|specify)\b",
    re.IGNORECASE,
)
"""A sentence that says that nothing was found can have no source."""
_TELLING = (
    r"(?:the |this |your |dem |das |der |le |la )?(?:\w+ )?"
    r"(?:passages?|documents?|texts?|tables?|rows?|lists?|sources?|menu|dokument|tabelle|liste|tableau|texte)"
    r"(?: (?:n?[°º] ?)?\d{1,3})?"
)
LEAD_IN = re.compile(
    rf"^\s*(?:[-*•] +)?(?:(?:according to|based on|as (?:stated|mentioned|described|shown|listed|noted) in|"
    rf"in|laut|gemäß|selon|d['’]après|dans) {_TELLING},|"
    rf"{_TELLING} (?:says?|states?|shows?|lists?|mentions?|notes?|reads?|sagt|nennt|indique|dit)"
    rf"(?: that| dass| que|:))\s+",
    re.IGNORECASE,
)
"""Words that say where something stands say nothing about it: "According to the table, …"."""
TABLE_RULE = re.compile(r"[ \t]*\n[ \t]*\|?[ \t]*:?-{2,}[-:| \t]*(?:\n|$)")
"""What stands below the heads of a table, which say nothing that could be cited."""
INTRODUCES = re.compile(r"[:：]\s*$|^#{1,6} ")


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer whose numbers are known, with what they point at."""

    text: str
    citations: tuple[Citation, ...]
    unsupported: tuple[str, ...]
    doubtful: tuple[str, ...]
    removed: tuple[str, ...]
    unfinished: bool = False
    """The last sentence broke off, and bears no number."""
    unchecked: int = 0
    """Sentences at the end for which no source was looked for, for want of time."""


def cite(
    answer: str,
    passages: Sequence[Passage],
    *,
    computed: str = "",
    finished: bool = True,
    stopped: Callable[[], bool] = lambda: False,
    seconds: float = math.inf,
) -> Cited:
    """Keep the numbers that exist, add those that are missing, and point each at its sentence.

    Figures that a tool worked out are in no passage, and are not held against the answer. The last sentence
    of an answer that is not `finished` gets no number. Sentences are looked at until it is `stopped`, for so
    many seconds of this thread's processor time.
    """
    answer = OTHER_MARKS.sub(_usual, answer)
    removed: list[str] = []
    unsupported: list[str] = []
    found: dict[Citation, None] = {}
    written: list[str] = []
    at = 0
    spans = list(_cited_sentences(answer))
    whole = spans if finished else spans[:-1]
    ends = time.thread_time() + seconds
    checked = 0
    for start, end in whole:
        if stopped() or time.thread_time() >= ends:
            break
        checked += 1
        sentence = answer[start:end]
        plain = MARK.sub("", sentence)
        named = [int(n) for mark in MARK.finditer(sentence) for n in mark[1].split(",")]
        known = list(dict.fromkeys(n for n in named if 1 <= n <= len(passages)))
        removed += [f"[{n}]" for n in named if not 1 <= n <= len(passages)]
        heads = plain.lstrip().startswith("|") and TABLE_RULE.match(answer, end)
        sources = [] if heads else _sources(plain, known, passages)
        if not sources and not heads and _asserts(plain) and not _worked_out(plain, computed):
            unsupported.append(_numbered(plain, ()).strip())
        found |= dict.fromkeys(sources)
        written += [answer[at:start], _numbered(plain, [source.n for source in sources])]
        at = end
    # Where a number was taken out, its neighbours may have closed up into an address.
    text = clean("".join([*written, MARK.sub("", answer[at:])]), passages=len(passages), known=frozenset())
    # The last word of an unfinished answer may be half of a name or a figure.
    read = answer[: whole[checked - 1][1] if checked else 0]
    if checked == len(whole) < len(spans):
        read = answer.rpartition(" ")[0]
    doubtful = tuple(one for one in _doubtful(MARK.sub("", read), passages) if not _worked_out(one, computed))
    unfinished = len(whole) < len(spans)
    unchecked = len(whole) - checked
    return Cited(
        text.strip(), tuple(found), tuple(unsupported), doubtful, tuple(removed), unfinished, unchecked
    )


def linked(cited: Cited, passages: Sequence[Passage]) -> Cited:
    """The same answer, in which the addresses that its cited passages name are links."""
    known = addresses(passages[one.n - 1].text for one in cited.citations)
    return replace(cited, text=relink(cited.text, known))


def in_order(cited: Cited, passages: Sequence[Passage]) -> tuple[Cited, tuple[Passage, ...]]:
    """The same answer, numbered from 1 in the order of appearance, and the passages that it cites."""
    order = dict.fromkeys(int(n) for mark in MARK.finditer(cited.text) for n in mark[1].split(","))
    number = {old: new for new, old in enumerate(order, 1)}
    text = MARK.sub(
        lambda mark: mark[0].replace(mark[1], ", ".join(str(number[int(n)]) for n in mark[1].split(","))),
        cited.text,
    )
    citations = tuple(
        replace(one, n=number[one.n]) for one in sorted(cited.citations, key=lambda one: number[one.n])
    )
    return replace(cited, text=text, citations=citations), tuple(passages[old - 1] for old in number)


def _usual(mark: re.Match[str]) -> str:
    numbers = re.findall(r"\d+", next(filter(None, mark.groups())))
    return " " + "".join(f"[{number}]" for number in numbers)


def _cited_sentences(answer: str) -> Iterator[tuple[int, int]]:
    """Sentences, each with the numbers that follow its full stop."""
    found = list(sentences.spans(answer))
    for index, (start, end) in enumerate(found):
        if index + 1 < len(found):
            start_next, end_next = found[index + 1]
            leading = re.match(r"(?:\[\d[\d,\s]*\]\s*)+", answer[start_next:end_next])
            if leading:
                found[index + 1] = (start_next + leading.end(), end_next)
                end = start_next + len(leading[0].rstrip())
        if start < end:
            yield start, end


def _asserts(sentence: str) -> bool:
    """Whether a sentence says something that a passage could say."""
    return (
        len(sentences.words(sentence)) >= LEAST_WORDS
        and not sentence.rstrip().endswith("?")
        and not INTRODUCES.search(sentence.strip())
        and not SAYS_NOT.search(sentence)
    )


def _worked_out(said: str, computed: str) -> bool:
    """Whether every figure and name of it comes from what tools worked out, at the precision that is said."""
    if not computed:
        return False
    known = claims.claim(computed)
    wanted = claims.claim(said)
    numbers = [float(one) for one in known.exact if claims.DECIMAL.fullmatch(one)]
    exact = wanted.exact - known.exact
    if digits := {claims.figure(one) for one in FIGURE.findall(said)}:
        exact -= set(NUMBERS.values()) - digits  # "the three wines cost 160.50": the rows are shown below
    names = {said.lower()} if not wanted.exact and len(said.split()) == 1 else wanted.names
    return (
        bool(wanted.exact or names)
        and names <= known.plain
        and all(claims.DECIMAL.fullmatch(one) and _rounds(one, numbers) for one in exact)
    )


def _rounds(figure: str, numbers: Sequence[float]) -> bool:
    places = len(figure.partition(".")[2])
    return any(abs(round(number, places) - float(figure)) < 1e-9 for number in numbers)


def _sources(sentence: str, named: Sequence[int], passages: Sequence[Passage]) -> list[Citation]:
    """The passages named, where they support the sentence; else the one that supports it best."""
    sentence = LEAD_IN.sub("", sentence)
    if not claims.claim(sentence).words:
        return []
    candidates = named or _near(sentence, passages)
    scored = [
        (alignment.best(sentence, passages[n - 1].text, _about(passages[n - 1])), n) for n in candidates
    ]
    supporting = [(found, n) for found, n in scored if found.share >= claims.SUPPORT]
    if not supporting and named:
        return _translated(sentence, named, passages) or _sources(sentence, (), passages)
    if not named:
        supporting = sorted(supporting, key=lambda one: (-one[0].share, one[1]))[:1]
    return [citation(n, passages[n - 1], *span) for found, n in supporting for span in found.spans]


def _about(passage: Passage) -> str:
    """Its library says what its documents are, also where they never say so: internships, restaurants."""
    return f"{passage.library} | {passage.header}"


def _near(sentence: str, passages: Sequence[Passage]) -> list[int]:
    """The passages worth a closer look: all of a few, the likeliest of many."""
    numbers = range(1, len(passages) + 1)
    if len(passages) <= LOOKED_AT:
        return list(numbers)
    share = {n: claims.share(sentence, passages[n - 1].text, _about(passages[n - 1])) for n in numbers}
    near = sorted((n for n in numbers if share[n] >= claims.SUPPORT), key=lambda n: (-share[n], n))
    return near[:LOOKED_AT]


def _translated(sentence: str, named: Sequence[int], passages: Sequence[Passage]) -> list[Citation]:
    """A sentence in another language than its passage shares few words with it. The model's number is
    then kept, for the whole passage, as long as the passage has every figure."""
    spoken = claims.language(sentence)
    exact = {term for term in claims.claim(sentence).exact if term[0].isdigit()}
    return [
        citation(n, passages[n - 1], 0, len(passages[n - 1].text))
        for n in named
        if spoken
        and claims.language(passages[n - 1].text) not in ("", spoken)
        and exact <= claims.claim(passages[n - 1].text).exact
    ]


def citation(n: int, passage: Passage, start: int, end: int) -> Citation:
    """Characters `start:end` of a passage, as a place on its page."""
    return Citation(
        n=n,
        chunk_id=passage.chunk_id,
        document_id=passage.document_id,
        file=passage.file,
        library=passage.library,
        page=passage.page,
        page_label=passage.page_label,
        place=passage.place,
        start=passage.start + start,
        end=passage.start + end,
        quote=passage.text[start:end],
    )


def _numbered(sentence: str, numbers: Sequence[int]) -> str:
    """The sentence with its numbers before the full stop; a row of a table with them in its last cell."""
    body = sentence.rstrip()
    if body.endswith(" ."):  # a number was taken out before the stop
        body = body[:-1].rstrip() + "."
    after = sentence[len(sentence.rstrip()) :]
    if not numbers:
        return body + after
    stop = body[-1] if body[-1:] in ".!?…" else ""
    if body.lstrip().startswith("|") and body.endswith("|"):
        stop = body[len(body.rstrip("| ")) :]
    marks = "".join(f" [{n}]" for n in dict.fromkeys(numbers))
    return body.removesuffix(stop) + marks + stop + after


def _doubtful(answer: str, passages: Sequence[Passage]) -> tuple[str, ...]:
    """Figures and names of the answer that are in no passage, as they are written in it."""
    everything = " ".join(f"{passage.file} {passage.header} {passage.text}" for passage in passages)
    known = claims.claim(everything)
    figures = [
        one for one in FIGURE.findall(_without_own_numbers(answer))
        if claims.figure(one) not in known.exact and one not in everything
    ]  # fmt: skip
    whole = everything.lower()
    unknown = {name for name in claims.claim(answer).names if name not in whole}
    names = [
        word
        for word in re.findall(r"[^\W\d_][\w'’-]+", answer)
        if word[0].isupper() and re.sub(r"['’]s$", "", word).lower() in unknown
    ]
    return tuple(dict.fromkeys((*figures, *names)))


def _without_own_numbers(answer: str) -> str:
    """Without the numbers of list items and of passages, which are ours or the model's own."""
    return re.sub(r"(?im)^\s*\d{1,2}[.)]\s|\b(?:passages?|sources?) (?:n?[°º] ?)?\d{1,3}\b", "", answer)
