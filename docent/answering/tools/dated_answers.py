"""Answers by the calendar: days until a date, weekdays, spans; dates of the question or of a cited line."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from docent.answering.answer_context import ScopedDocuments
from docent.answering.citing.sources import citation_at
from docent.answering.citing.vocabulary import content_words, fold
from docent.answering.output_filter import display_quote
from docent.answering.tools.table_answers import answer_from_tables
from docent.answering.tools.worked_out import WorkedOut, stating_lines
from docent.answering.tools.written_dates import find_dates
from docent.messages import Message, joined
from docent.types import Citation, Passage

UNITS = {
    "day": "day", "days": "day", "jour": "day", "jours": "day", "week": "week", "weeks": "week",
    "semaine": "week",
    "semaines": "week", "month": "month", "months": "month", "mois": "month", "year": "year", "years": "year",
    "an": "year", "ans": "year", "annee": "year", "annees": "year", "working days": "working day",
    "business days": "working day", "weekdays": "working day", "jours ouvrables": "working day",
    "jours ouvres": "working day", "long": "day", "time": "day", "temps": "day",
}  # fmt: skip
UNIT = "|".join(sorted(UNITS, key=len, reverse=True))
_ARE = (
    r"(?:\s+(?:are|is|do|does|have|has|did|we|i|there|left|it|still|remain|remaining|passed|lie|y a-t-il"
    r"|il y a|reste-t-il|il reste|restent|restent-ils|me|nous|take|takes|to go|elapsed))*"
)
SPANNING = re.compile(
    rf"(?:how (?:many )?|combien de |combien d.)(?P<unit>{UNIT}){_ARE}\s+(?:between|from|entre|du|de)\s+"
    rf"(?P<first>.+?)\s+(?:and|to|until|till|et|au|a|jusqu'a|jusqu'au)\s+(?P<second>.+)"
)
UNTIL = re.compile(
    rf"(?:how (?:many )?|combien de |combien d.|dans combien de )(?P<unit>{UNIT}){_ARE}\s+"
    rf"(?:until|till|to|before|jusqu'a|jusqu'au|jusqu'aux|avant|d'ici|d'ici a|d'ici au)\s+(?P<date>.+)"
)
SINCE = re.compile(
    rf"(?:how (?:many )?|combien de |combien d.|depuis combien de )(?P<unit>{UNIT}){_ARE}\s+"
    rf"(?:since|ago was|ago is|depuis|est passe depuis|ont passe depuis)\s+(?P<date>.+)"
)
OF_A_NAME = re.compile(r" (?:of|at|for|de|du|des|chez) .+")
WEEKDAY = re.compile(
    r"(?:(?:on )?(?:what|which) (?:day of the week|weekday)|(?:quel|a quel|quel est le) jour de la "
    r"semaine)\s+"
    r"(?:(?:is|was|will|does|did|be|est|tombe|tombera|sera|etait"
    r"|etait-ce)\s+)*(?P<date>.+?)(?:\s+(?:fall|be|tombe|tombent)(?: on)?)?"
)
DAY_OF = re.compile(
    r"(?:(?:on )?(?:what|which) day|quel jour)\s+(?:(?:is|was|will be|est|sera|etait"
    r"|tombe)\s+)(?P<date>[^?]+)"
)
SHIFTED = re.compile(
    rf"(?:(?:what|which) (?:date|day) (?:is|was|will be|will it be)(?: it)?\s+|quelle date (?:est-ce"
    rf"|est|sera|sera-t-il|serons-nous|tombe)"
    rf"(?:-ce)?\s+|when is\s+|quand (?:est-ce )?)?(?P<count>\d{{1,5}}) (?P<unit>{UNIT}) (?P<way>after"
    rf"|before|from|apres|avant|a partir de|a partir du)\s+"
    rf"(?P<date>.+)"
)
IN_TIME = re.compile(
    rf"(?:(?:what|which) (?:date|day) (?:is|will be|will it be)(?: it)?|quelle date (?:sera-t-il"
    rf"|serons-nous))\s+(?:in|dans) "
    rf"(?P<count>\d{{1,5}}) (?P<unit>{UNIT})"
)
TODAY = {
    "today": 0,
    "now": 0,
    "tomorrow": 1,
    "yesterday": -1,
    "aujourd'hui": 0,
    "maintenant": 0,
    "demain": 1,
    "hier": -1,
}
ARTICLE = re.compile(r"^(?:the|le|la|les|l'|au|du|de la|de l'|of|a)\s*")
_KINDS = {
    "deadline": "deadline deadlines closing close closes cutoff due limite cloture echeance expire expires|"
    "deadline closing close closes due apply before until latest later limite cloture echeance avant "
    "expire expires",
    "start": "start starts begin begins beginning starting debut commence rentree|"
    "start starts begin begins beginning starting debut commence rentree opens",
    "end": "end ends finish finishes ending fin termine|end ends finish finishes ending fin termine until",
}
KINDS = [tuple(frozenset(words.split()) for words in forms.split("|")) for forms in _KINDS.values()]
"""Words of a question for a kind of date, and the words of the lines that state one."""
LOOSE = frozenset(
    """application applications applying apply date dates day candidature candidatures inscription the of for
    my our your internship internships stage stages next de des du la le les d l pour limite""".split()
)
WORD = re.compile(r"[^\W_]+")
MOST_DOCUMENTS = 4
"""Documents whose dates are told for one question; of more, the reader has to say which is meant."""
MOST_DAYS = 400_000
LONGEST_QUOTE = 200
DAYS = [Message("Monday"), Message("Tuesday"), Message("Wednesday"), Message("Thursday"), Message("Friday"),
        Message("Saturday"), Message("Sunday")]  # fmt: skip
MONTHS = [
    Message("January"), Message("February"), Message("March"), Message("April"), Message("May"),
    Message("June"),
    Message("July"), Message("August"), Message("September"), Message("October"), Message("November"),
    Message("December"),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownDate:
    """A date that a question means: one that it gives, or one that a document states."""

    date: dt.date
    citation: Citation | None = None
    passage: Passage | None = None


def answer_by_calendar(
    question: str,
    documents: ScopedDocuments,
    search: Callable[[str], Sequence[Passage]],
    *,
    today: dt.date,
) -> WorkedOut | None:
    """Answer a question on days and dates; return None where it is none, or its date is not certain."""
    text = re.sub(r"\s*[?!.]+\s*$", "", fold(question)).replace("’", "'").strip()
    dates = _Dates(documents, search, today)
    if match := SPANNING.fullmatch(text):
        first, second = dates.of(match["first"]), dates.of(match["second"])
        if len(first) != 1 and (name := OF_A_NAME.search(match["second"])):
            first = dates.of(f"{match['first']}{name[0]}")  # "between the deadline and the start of X"
        if len(first) != 1 or len(second) != 1:
            return None
        low, high = sorted((first[0], second[0]), key=lambda known: known.date)
        span = _span(low.date, high.date, UNITS[match["unit"]])
        sentence = Message(
            "**{span}** from {first} to {second}.",
            span=span,
            first=_shown(low.date),
            second=_shown(high.date),
        )
        return _told([sentence], [low, high])
    if match := UNTIL.fullmatch(text):
        return _until(dates.of(match["date"], coming=True), UNITS[match["unit"]], today)
    if match := SINCE.fullmatch(text):
        return _until(dates.of(match["date"]), UNITS[match["unit"]], today)
    if match := SHIFTED.fullmatch(text):
        way = -1 if match["way"] in ("before", "avant") else 1
        return _shifted(dates.of(match["date"]), way * int(match["count"]), UNITS[match["unit"]])
    if match := IN_TIME.fullmatch(text):
        return _shifted([KnownDate(today)], int(match["count"]), UNITS[match["unit"]])
    if match := WEEKDAY.fullmatch(text):
        return _weekday(dates.of(match["date"]))
    if (match := DAY_OF.fullmatch(text)) and (given := dates.given(match["date"])):
        return _weekday([given])
    return None


@dataclass(frozen=True, slots=True)
class _Dates:
    documents: ScopedDocuments
    search: Callable[[str], Sequence[Passage]]
    today: dt.date

    def of(self, words: str, *, coming: bool = False) -> list[KnownDate]:
        """Return the dates that words mean: one, or one of each of a few documents."""
        if (given := self.given(words, coming=coming)) is not None:
            return [given]
        phrase = ARTICLE.sub("", words)
        if len(WORD.findall(phrase)) > 12 or find_dates(phrase, year=self.today.year):
            return []
        return self._in_a_table(phrase) or self._in_lines(phrase)

    def given(self, words: str, *, coming: bool = False) -> KnownDate | None:
        """Return the date that the words themselves are; without a year, of this one or the next to come."""
        bare = ARTICLE.sub("", words.strip())
        if bare in TODAY:
            return KnownDate(self.today + dt.timedelta(TODAY[bare]))
        bare = re.sub(r"^(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|lundi|mardi"
        r"|mercredi|jeudi|vendredi"
                      r"|samedi|dimanche),? ", "", bare)  # fmt: skip
        dates = find_dates(bare, year=self.today.year)
        if len(dates) != 1 or (dates[0].start, dates[0].end) != (0, len(bare)):
            return None
        date = dates[0].date
        if coming and not dates[0].has_year and date < self.today:
            later = find_dates(bare, year=self.today.year + 1)
            date = later[0].date if later else date
        return KnownDate(date)

    def _in_a_table(self, phrase: str) -> list[KnownDate]:
        found = answer_from_tables(f"when {phrase}", self.documents, self.search)
        if found is None or found.date is None or not found.citations:
            return []
        citation = next((one for one in found.citations if find_dates(one.quote)), found.citations[-1])
        return [KnownDate(found.date, citation, found.passages[0])]

    def _in_lines(self, phrase: str) -> list[KnownDate]:
        """Return the dates of the lines that state what a phrase names, where each document states one."""
        words = set(WORD.findall(phrase))
        asked, stating = next(((asked, stating) for asked, stating in KINDS if asked & words), (set(), None))
        names = content_words(" ".join(words - asked - LOOSE))
        if stating is None and not names:
            return []
        stated: dict[str, dict[dt.date, KnownDate]] = {}
        for n, passage in enumerate(self.search(phrase), 1):
            about = content_words(fold(f"{passage.file} {passage.header}"))
            for start, end in stating_lines(passage.text):
                line = passage.text[start:end]
                dates = find_dates(line)
                said = content_words(fold(line))
                is_stated = set(WORD.findall(fold(line))) & stating if stating else names & said
                if len(dates) == 1 and is_stated and names <= about | said:
                    citation = citation_at(n, passage, start, end)
                    known = KnownDate(dates[0].date, citation, passage)
                    stated.setdefault(passage.document_id, {}).setdefault(dates[0].date, known)
        if not stated or len(stated) > MOST_DOCUMENTS or any(len(dates) > 1 for dates in stated.values()):
            return []
        return [next(iter(dates.values())) for dates in stated.values()]


def _until(dates: Sequence[KnownDate], unit: str, today: dt.date) -> WorkedOut | None:
    sentences = []
    for known in dates:
        span = _span(min(today, known.date), max(today, known.date), unit)
        values = {"span": span, "date": _shown(known.date), "today": _shown(today)}
        if known.date >= today:
            sentences.append(Message("**{span}** until {date}, from today, {today}.", **values))
        else:
            sentences.append(Message("**{span}** since {date}, which is past; today is {today}.", **values))
    return _told(sentences, dates) if sentences else None


def _weekday(dates: Sequence[KnownDate]) -> WorkedOut | None:
    sentences = [
        Message("{date} is a **{weekday}**.", date=_shown_day(known.date), weekday=DAYS[known.date.weekday()])
        for known in dates
    ]
    return _told(sentences, dates) if sentences else None


def _shifted(dates: Sequence[KnownDate], count: int, unit: str) -> WorkedOut | None:
    sentences = []
    for known in dates:
        date = _shift(known.date, count, unit)
        if date is None:
            return None
        values = {"span": _counted(abs(count), unit), "start": _shown(known.date), "date": _shown(date)}
        if count < 0:
            sentences.append(Message("**{date}** is {span} before {start}.", **values))
        else:
            sentences.append(Message("**{date}** is {span} after {start}.", **values))
    return _told(sentences, dates) if sentences else None


def _shift(date: dt.date, count: int, unit: str) -> dt.date | None:
    try:
        if unit in ("day", "week"):
            return date + dt.timedelta(count * (7 if unit == "week" else 1))
        if unit == "working day":
            step = dt.timedelta(1 if count > 0 else -1)
            left = min(abs(count), MOST_DAYS)
            while left:
                date += step
                left -= date.weekday() < 5
            return date
        month = date.year * 12 + date.month - 1 + count * (12 if unit == "year" else 1)
        year, month = divmod(month, 12)
        return dt.date(year, month + 1, min(date.day, calendar.monthrange(year, month + 1)[1]))
    except (OverflowError, ValueError, calendar.IllegalMonthError):
        return None


def _span(first: dt.date, second: dt.date, unit: str) -> Message:
    """Return the time between two dates in whole units, and the days that are left."""
    days = (second - first).days
    if unit == "day":
        return _counted(days, "day")
    if unit == "working day":
        whole, rest = divmod(days, 7)
        extra = sum((first + dt.timedelta(at)).weekday() < 5 for at in range(1, rest + 1))
        return _counted(5 * whole + extra, unit)
    if unit == "week":
        whole, rest = divmod(days, 7)
    else:
        step = 12 if unit == "year" else 1
        whole = ((second.year - first.year) * 12 + second.month - first.month) // step
        while whole and (_shift(first, whole, unit) or second) > second:
            whole -= 1
        rest = (second - (_shift(first, whole, unit) or second)).days
    if not rest:
        return _counted(whole, unit)
    return Message("{units} and {days}", units=_counted(whole, unit), days=_counted(rest, "day"))


def _counted(n: int, unit: str) -> Message:
    match unit:
        case "week":
            return Message("1 week") if n == 1 else Message("{n:,} weeks", n=n)
        case "month":
            return Message("1 month") if n == 1 else Message("{n:,} months", n=n)
        case "year":
            return Message("1 year") if n == 1 else Message("{n:,} years", n=n)
        case "working day":
            return Message("1 working day (Monday to Friday)") if n == 1 else Message(
                "{n:,} working days (Monday to Friday)", n=n
            )  # fmt: skip
        case _:
            return Message("1 day") if n == 1 else Message("{n:,} days", n=n)


def _shown_day(date: dt.date) -> Message:
    return Message("{day} {month} {year}", day=date.day, month=MONTHS[date.month - 1], year=date.year)


def _shown(date: dt.date) -> Message:
    return Message("{weekday} {date}", weekday=DAYS[date.weekday()], date=_shown_day(date))


def _told(sentences: Sequence[str], dates: Sequence[KnownDate]) -> WorkedOut:
    """Return the sentences, with the lines of the documents that state the dates, and the step."""
    cited = [known for known in dates if known.citation is not None]
    lines, citations, passages = [], [], []
    for n, known in enumerate(cited, 1):
        assert known.citation is not None and known.passage is not None
        quote = display_quote(known.citation.quote)
        short = quote if len(quote) <= LONGEST_QUOTE else f"{quote[:LONGEST_QUOTE]} …"
        lines.append(Message("“{quote}” [{n}]", quote=short, n=n))
        citations.append(replace(known.citation, n=n))
        passages.append(known.passage)
    if len(sentences) == len(lines):
        texts: list[str] = [joined(pair, " ") for pair in zip(sentences, lines, strict=True)]
    else:
        texts = [*sentences, *lines]
    days = ", ".join(known.date.isoformat() for known in dates)
    step = Message("Counted in the calendar from {dates}", dates=days)
    return WorkedOut(joined(texts, "\n\n"), tuple(citations), tuple(passages), (step,))
