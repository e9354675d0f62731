"""Cite an answer: find the characters of the passages that support each sentence, by words alone.

No second model is asked. `cite` tells the steps; the modules beside it are its tools: `text_units`
cuts texts into sentences and rows, `halves` cuts a sentence into its statements, `claims` and
`quantities` compare a sentence with a unit, `list_fields` reads lists, `alignment` finds the
supporting units of one passage, and `sources` the passages.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from docent.answering.citing.claims import DECIMAL, claim_of
from docent.answering.citing.halves import Half, halves
from docent.answering.citing.quantities import normal_figure
from docent.answering.citing.sources import find_sources, sources_of_halves
from docent.answering.citing.text_units import FIGURE, sentence_spans
from docent.answering.citing.vocabulary import NUMBERS, content_words
from docent.answering.output_filter import addresses, clean, relink
from docent.types import Citation, Passage

MARK = re.compile(r"\s?\[(\d{1,3}(?:\s*,\s*\d{1,3})*)\]")
OTHER_MARKS = re.compile(
    r"\s?(?:【(\d{1,3})[^】]{0,20}】|[\[(](?:passages?|sources?|doc(?:ument)?s?|ref|quelle|passage n°) ?"
    r"(\d{1,3}(?:(?:,| and|,? &) ?\d{1,3})*)[\])]|\[\^(\d{1,3})\])",
    re.IGNORECASE,
)
"""Other forms in which models write a citation mark: 【1】, (source 2), [Passage 1, 2], [^3]."""

LEAST_WORDS = 2  # "Yes." and "Of course!" need no support
_SAID = (
    r"say|says|said|mention\w*|contain\w*|find|found|answer\w*|know|provide\w*|specif\w+|includ\w+|state\w*|"
    r"giv\w+|list\w*|tell\w*|name\w*|indicat\w+|erwähn\w+|genannt|nenn\w+|enth\w+|angegeben|gefunden|sag\w+|"
    r"di[st]\w*|mentionn\w+|contien\w+|indiqu\w+|précis\w+|trouv\w+|répond\w*"
)
_SOURCES = r"(?:passages?|documents?|texts?|sources?|context|information|passagen|dokumente?\w?|textes?)"
_NOT = r"(?:not|no|nothing|n['’]t|nicht|nichts|rien|kein\w*|pas|ne|n['’])"
FOUND_NOTHING = re.compile(
    rf"\b{_SOURCES}\b[^.,;]{{0,60}}\b{_NOT}\b[^.,;]{{0,40}}\b(?:{_SAID})\b"
    rf"|\b(?:no|nothing|none|kein\w*|nichts|rien|aucun\w*)\b[^.,;]{{0,60}}\b{_SOURCES}\b"
    rf"|\b{_NOT}\b[^.,;]{{0,30}}\b(?:{_SAID})\b[^.,;]{{0,40}}\b(?:in|dans|from)\b[^.,;]{{0,20}}\b{_SOURCES}\b"
    r"|\b(?:do(es)? not|don['’]t|doesn['’]t|cannot|can['’]t) "
    r"(?:say|mention|find|answer|know|specify)\b",
    re.IGNORECASE,
)
"""A sentence that says that nothing was found can have no source."""
TABLE_RULE = re.compile(r"[ \t]*\n[ \t]*\|?[ \t]*:?-{2,}[-:| \t]*(?:\n|$)")
"""The line below the column names of a table, which assert nothing."""
INTRODUCTION = re.compile(r"[:：?？]\**$|^#{1,6} ")
"""A heading, a question or what leads to a list: it asserts nothing, and has no mark."""
OWN_NUMBER = re.compile(r"(?im)^\s*\d{1,2}[.)]\s|\b(?:passages?|sources?) (?:n?[°º] ?)?\d{1,3}\b")
"""Numbers of list items and of passages, which are no figures of the answer."""


@dataclass(frozen=True, slots=True)
class CitedAnswer:
    """An answer with its citation marks, and the citations that they lead to."""

    text: str
    citations: tuple[Citation, ...] = ()
    unsupported: tuple[str, ...] = ()
    """Sentences that assert something and that no passage supports."""
    doubtful: tuple[str, ...] = ()
    """Figures and names that are in no passage."""
    removed: tuple[str, ...] = ()
    """Marks with the number of no passage."""
    unfinished: bool = False
    """The last sentence broke off and has no mark."""
    unchecked: int = 0
    """Sentences at the end that were not checked for want of time."""


def cite(
    answer: str,
    passages: Sequence[Passage],
    *,
    computed: str = "",
    finished: bool = True,
    closely: bool = False,
    stopped: Callable[[], bool] = lambda: False,
    seconds: float = math.inf,
) -> CitedAnswer:
    """Give each sentence of an answer the marks of the passages that support it.

    1. Write every mark of the model as [n], and cut the answer into sentences.
    2. Find the sources of each sentence: the passages that its marks name, where they support it,
       else the passage that supports it best. Its marks are replaced by theirs. A sentence that says
       several things, of which not all have the same source, is cited by halves.
    3. Report sentences and halves without a source, and figures and names that are in no passage. Those
       that a tool `computed` are in no passage either, and are not reported.

    With `closely`, for small models, only near copies of a source have one. The last sentence of an answer
    that is not `finished` gets no mark. Sentences are checked until
    `stopped` says so or this thread has used that many `seconds` of processor time.
    """
    answer = OTHER_MARKS.sub(_usual_mark, answer)
    sentences = list(sentences_with_marks(answer))
    complete = sentences if finished else sentences[:-1]
    citations: dict[Citation, None] = {}
    unsupported: list[str] = []
    removed: list[str] = []
    parts: list[str] = []
    position = 0
    checked = 0
    deadline = time.thread_time() + seconds
    for start, end in complete:
        if stopped() or time.thread_time() >= deadline:
            break
        checked += 1
        numbers = _numbers(answer[start:end])
        named = list(dict.fromkeys(n for n in numbers if 1 <= n <= len(passages)))
        removed += [f"[{n}]" for n in numbers if n not in named]
        sentence = MARK.sub("", answer[start:end])
        is_header = sentence.lstrip().startswith("|") and TABLE_RULE.match(answer, end)
        claims_nothing = is_header or INTRODUCTION.search(sentence.strip())
        cited = (
            _CitedSentence(sentence)
            if claims_nothing
            else _cite_sentence(sentence, named, passages, closely=closely)
        )
        unsupported += [text for text in cited.unsupported if not _is_computed(text, computed)]
        citations |= dict.fromkeys(cited.sources)
        parts += [answer[position:start], cited.text]
        position = end
    parts.append(MARK.sub("", answer[position:]))
    # Where a mark was taken out, the text on both sides may have become an address.
    text = clean("".join(parts), passages=len(passages), known=frozenset())
    checked_text = answer[: complete[checked - 1][1] if checked else 0]
    if checked == len(complete) < len(sentences):
        checked_text = answer.rpartition(" ")[0]  # the last word may be half of a name or a figure
    unknown = _unknown_figures_and_names(MARK.sub("", checked_text), passages)
    return CitedAnswer(
        text=text.strip(),
        citations=tuple(citations),
        unsupported=tuple(unsupported),
        doubtful=tuple(term for term in unknown if not _is_computed(term, computed)),
        removed=tuple(removed),
        unfinished=len(complete) < len(sentences),
        unchecked=len(complete) - checked,
    )


@dataclass(frozen=True, slots=True)
class _CitedSentence:
    text: str
    sources: tuple[Citation, ...] = ()
    unsupported: tuple[str, ...] = ()
    """The sentence or those of its halves that assert something and have no source."""


def _cite_sentence(
    sentence: str, named: Sequence[int], passages: Sequence[Passage], *, closely: bool
) -> _CitedSentence:
    """Cite a sentence as a whole; by halves if it has no source, or a half of its own subject has none."""
    sources = tuple(find_sources(sentence, named, passages, closely=closely))
    parts = [half for half in halves(sentence) if claim_of(half.statement).words]
    if len(parts) > 1:
        by_halves = sources_of_halves(sentence, parts, sources, named, passages, closely=closely)
        if any(by_halves) and not (sources and all(by_halves)):
            return _cited_by_halves(sentence, parts, by_halves)
    unsupported = (_with_marks(sentence, ()).strip(),) if not sources and _asserts(sentence) else ()
    return _CitedSentence(_with_marks(sentence, [source.n for source in sources]), sources, unsupported)


def _cited_by_halves(
    sentence: str, parts: Sequence[Half], found: Sequence[Sequence[Citation]]
) -> _CitedSentence:
    """Give each half its own marks; neighbours with the same marks share them, behind the last of these."""
    text, position = "", 0
    for at, (half, sources) in enumerate(zip(parts, found, strict=True)):
        numbers = [source.n for source in sources]
        following = [source.n for source in found[at + 1]] if at + 1 < len(parts) else []
        marks = () if numbers == following else numbers
        text += sentence[position : half.start] + _with_marks(sentence[half.start : half.end], marks)
        position = half.end
    texts = [_with_marks(sentence[half.start : half.end], ()).strip() for half in parts]
    return _CitedSentence(
        text + sentence[position:],
        tuple(source for sources in found for source in sources),
        tuple(
            said
            for said, half, sources in zip(texts, parts, found, strict=True)
            if not sources and _asserts(half.statement)
        ),
    )


def link_cited_addresses(cited: CitedAnswer, passages: Sequence[Passage]) -> CitedAnswer:
    """Make links of the addresses in an answer that its cited passages hold."""
    known = addresses(passages[citation.n - 1].text for citation in cited.citations)
    return replace(cited, text=relink(cited.text, known))


def renumber(cited: CitedAnswer, passages: Sequence[Passage]) -> tuple[CitedAnswer, tuple[Passage, ...]]:
    """Number an answer's marks from 1 in order of appearance; return it with the passages that it cites."""
    new_number = {old: new for new, old in enumerate(dict.fromkeys(_numbers(cited.text)), 1)}

    def renumbered(mark: re.Match[str]) -> str:
        return mark[0].replace(mark[1], ", ".join(str(new_number[n]) for n in _numbers(mark[0])))

    citations = sorted(
        (replace(citation, n=new_number[citation.n]) for citation in cited.citations),
        key=lambda citation: citation.n,
    )
    text = MARK.sub(renumbered, cited.text)
    return replace(cited, text=text, citations=tuple(citations)), tuple(passages[n - 1] for n in new_number)


def _usual_mark(mark: re.Match[str]) -> str:
    numbers = next(filter(None, mark.groups()))
    return " " + "".join(f"[{n}]" for n in re.findall(r"\d+", numbers))


def _numbers(text: str) -> list[int]:
    """Return the numbers in the marks of a text."""
    return [int(n) for mark in MARK.finditer(text) for n in mark[1].split(",")]


def sentences_with_marks(answer: str) -> Iterator[tuple[int, int]]:
    """Yield the span of each sentence, with the marks that follow its full stop."""
    spans = list(sentence_spans(answer))
    for index, (start, end) in enumerate(spans):
        if index + 1 < len(spans):
            next_start, next_end = spans[index + 1]
            leading_marks = re.match(r"(?:\[\d[\d,\s]*\]\s*)+", answer[next_start:next_end])
            if leading_marks:
                spans[index + 1] = (next_start + leading_marks.end(), next_end)
                end = next_start + len(leading_marks[0].rstrip())
        if start < end:
            yield start, end


def _asserts(sentence: str) -> bool:
    """Tell whether a sentence says something that a passage could say."""
    return (
        len(content_words(sentence)) >= LEAST_WORDS
        and not INTRODUCTION.search(sentence.strip())
        and not FOUND_NOTHING.search(sentence)
    )


def _is_computed(statement: str, computed: str) -> bool:
    """Tell whether tools computed every figure and name of a statement, at the precision stated."""
    if not computed:
        return False
    claim, known = claim_of(statement), claim_of(computed)
    exact = claim.exact - known.exact
    if digits := {normal_figure(figure) for figure in FIGURE.findall(statement)}:
        exact -= set(NUMBERS.values()) - digits  # "the three wines cost 160.50": the rows are shown below
    names = {statement.lower()} if not claim.exact and len(statement.split()) == 1 else claim.names
    known_values = [float(term) for term in known.exact if DECIMAL.fullmatch(term)]
    return (
        bool(claim.exact or names)
        and names <= known.all_words
        and all(DECIMAL.fullmatch(term) and _is_rounded(term, known_values) for term in exact)
    )


def _is_rounded(figure: str, values: Sequence[float]) -> bool:
    """Tell whether a figure is one of these values, rounded to the figure's decimal places."""
    decimal_places = len(figure.partition(".")[2])
    return any(abs(round(value, decimal_places) - float(figure)) < 1e-9 for value in values)


def _with_marks(sentence: str, numbers: Sequence[int]) -> str:
    """Return a sentence with marks before its full stop, or a table row with marks in its last cell."""
    body = sentence.rstrip()
    if body.endswith(" ."):  # a mark was taken out before the full stop
        body = body[:-1].rstrip() + "."
    space_after = sentence[len(sentence.rstrip()) :]
    if not numbers:
        return body + space_after
    ending = body[-1] if body[-1:] in ".!?…" else ""
    if body.lstrip().startswith("|") and body.endswith("|"):
        ending = body[len(body.rstrip("| ")) :]
    marks = "".join(f" [{n}]" for n in dict.fromkeys(numbers))
    return body.removesuffix(ending) + marks + ending + space_after


def _unknown_figures_and_names(answer: str, passages: Sequence[Passage]) -> tuple[str, ...]:
    """Return the figures and names of an answer that are in no passage, as the answer writes them."""
    everything = " ".join(f"{passage.file} {passage.header} {passage.text}" for passage in passages)
    known = claim_of(everything).exact
    figures = [
        figure
        for figure in FIGURE.findall(OWN_NUMBER.sub("", answer))
        if normal_figure(figure) not in known and figure not in everything
    ]
    lower = everything.lower()
    unknown_names = {name for name in claim_of(answer).names if name not in lower}
    names = [
        word
        for word in re.findall(r"[^\W\d_][\w'’-]+", answer)
        if word[0].isupper() and re.sub(r"['’]s$", "", word).lower() in unknown_names
    ]
    return tuple(dict.fromkeys((*figures, *names)))
