"""Answers by arithmetic: of figures that the question gives, or of one that a cited document states."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from docent.answering.answer_context import ScopedDocuments
from docent.answering.citing.field_labels import MEANINGS, label_of, meanings_of
from docent.answering.citing.quantities import Quantity, quantities_of
from docent.answering.citing.sources import citation_at
from docent.answering.citing.vocabulary import content_words, fold
from docent.answering.output_filter import display_name, display_quote
from docent.answering.tools.calculator import UNITS, Measure, NoArithmetic, convert, evaluate
from docent.answering.tools.table_answers import answer_from_tables
from docent.answering.tools.worked_out import SIGNS_BEFORE, WorkedOut, shown_number, stating_lines
from docent.messages import Message, joined
from docent.types import Citation, Passage

LEAD = re.compile(
    r"\s*(?:(?:please|s.il (?:te|vous) plait)[, ]+)?(?:(?:and )?(?:what(?:'s|’s| is| are| does| do)?"
    r"|how much (?:is|are|does|do)|calculate|compute"
    r"|work out|combien (?:font|fait|est|vaut|valent)|quel(?:le)? est(?: le resultat de)?|calcule[rz]?"
    r"|que (?:fait|font"
    r"|vaut|valent)|c.est combien)\s+)?(?:the result of |le resultat de )?",
)
TAIL = re.compile(r"\s*(?:=|make|makes|equal|equals|font|fait)?\s*[?.!=]*\s*$")
OPERATOR = re.compile(
    r"[×÷*^%·]|\s[-+/−–x]\s|\d\s*\+\s*\d|\b(?:plus|minus|times|divided by|multiplied by|fois|moins|divise par"
    r"|multiplie par|percent|per cent|pour cent)\b"
)
CONVERSION = re.compile(
    r"(?:convert|convertir|convertis)?\s*(?P<what>[\d.,' \u00a0\u202f]*\d\s?[a-z]+[23]?)\s+(?:to|in"
    r"|into|en)\s+(?P<unit>[a-z]+[23]?)"
)
CONTENT = re.compile(
    r"(?:how many|combien de|combien d.)\s+(?P<unit>[a-z]+[23]?)\s+(?:are|is|are there|y a-t-il|sont"
    r"|font|fait|make|makes)?\s*"
    r"(?:in|dans)\s+(?P<what>[\d.,' \u00a0\u202f]*\d\s?[a-z]+[23]?)"
)
SHARE_OF = re.compile(
    r"(?P<share>\d+(?:[.,]\d+)?)\s?(?:%|percent|per cent|pour cent)\s+(?:of|de la|de l.|des|du|de"
    r"|d.)\s*(?P<phrase>.*[^\W\d].*)"
)
OF_A_FIGURE = re.compile(
    r"(?P<phrase>.*[^\W\d_]{3}.*?)\s*(?P<operator>×|\*|\btimes\b|\bmultiplied by\b|\bdivided by\b"
    r"|\bplus\b|\bminus\b|\bfois\b"
    r"|\bmultiplie[es]? par\b|\bdivise[es]? par\b|÷)\s*(?P<figure>\d[\d.,  ]*\s?%?)"
)
CENTS_FROM = 100
"""A result from this on has two decimal places."""
YEARS = range(1900, 2101)
LONGEST_QUOTE = 200


def answer_by_arithmetic(
    question: str, documents: ScopedDocuments, search: Callable[[str], Sequence[Passage]]
) -> WorkedOut | None:
    """Return the value of the arithmetic in a question; None where it asks for something else."""
    folded = fold(question).replace("’", "'")
    asked = folded[(LEAD.match(folded) or re.match("", folded)).end() :]  # type: ignore[union-attr]
    asked = TAIL.sub("", asked)
    try:
        return _of_given_figures(question, folded, asked) or _of_a_stated_figure(asked, documents, search)
    except (NoArithmetic, OverflowError, ZeroDivisionError):
        return None


def _of_given_figures(question: str, folded: str, asked: str) -> WorkedOut | None:
    """Calculate what stands in the question alone."""
    plain = TAIL.sub("", folded)
    for text, pattern in ((asked, CONVERSION), (plain, CONTENT)):
        if (match := pattern.fullmatch(text.strip())) and fold(match["unit"]) in UNITS:
            measure = evaluate(match["what"])
            return _told(match["what"], convert(measure, match["unit"]))
    if not OPERATOR.search(asked) or not any(char.isdigit() for char in asked):
        return None
    try:
        measure = evaluate(asked)
    except NoArithmetic:
        return None
    at = folded.rfind(asked)
    return _told(question[at : at + len(asked)] if at >= 0 else asked, measure)


def _told(expression: str, measure: Measure) -> WorkedOut:
    expression = display_name(expression.strip()).replace("*", "×")
    value = shown_measure(measure)
    step = Message(
        "Calculated: {what}", what=Message("{expression} = {value}", expression=expression, value=value)
    )
    return WorkedOut(Message("{expression} = **{value}**", expression=expression, value=value), steps=(step,))


def shown_measure(measure: Measure) -> Message:
    """Return a measure with its unit, to four decimal places."""
    value = 100 * measure.value if measure.percent else measure.value
    unit = "%" if measure.percent else measure.unit.name if measure.unit else ""
    return shown_number(_decimal(value), 4, unit, trim=True)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _of_a_stated_figure(
    asked: str, documents: ScopedDocuments, search: Callable[[str], Sequence[Passage]]
) -> WorkedOut | None:
    """Calculate with the figure that a document states: 15 % of the revenue."""
    if match := SHARE_OF.fullmatch(asked):
        phrase, before, after = match["phrase"], f"{match['share']} % of ", ""
    elif match := OF_A_FIGURE.fullmatch(asked):
        phrase, before, after = match["phrase"], "", f" {match['operator']} {match['figure']}"
    else:
        return None
    if any(char.isdigit() for char in re.sub(r"\b(?:19|20)\d\d\b", "", phrase)):
        return None
    stated = _in_a_table(phrase, documents, search) or _in_a_sentence(phrase, search)
    if stated is None:
        return None
    result = evaluate(f"{before}{stated.number}{after}")
    unit = stated.unit
    number = stated.number or Decimal(0)
    money = unit in SIGNS_BEFORE
    shown = shown_number(number, 2 if money else 4, unit, trim=not money)
    decimals = 2 if unit in SIGNS_BEFORE or abs(result.value) >= CENTS_FROM else 4
    value = shown_number(_decimal(result.value), decimals, unit, trim=not unit)
    share = before.replace(" of ", "").strip()
    if share:
        sentence = Message("{share} of {figure} is **{value}**.", share=share, figure=shown, value=value)
    else:
        sentence = Message("{figure}{after} is **{value}**.", figure=shown, after=after, value=value)
    step = Message("Calculated: {what}", what=f"{before}{number:,f}{after}")
    return replace(
        stated,
        text=joined((sentence, stated.text), "\n\n"),
        steps=(*stated.steps, step),
        number=None,
        unit="",
    )


def _in_a_table(
    phrase: str, documents: ScopedDocuments, search: Callable[[str], Sequence[Passage]]
) -> WorkedOut | None:
    found = answer_from_tables(phrase, documents, search)
    return found if found is not None and found.number is not None else None


def _in_a_sentence(phrase: str, search: Callable[[str], Sequence[Passage]]) -> WorkedOut | None:
    """Return the figure that one line alone states of what a phrase names; None where two lines differ."""
    meanings = meanings_of(phrase) - {"application"}
    meant = {stem for name in meanings for word in MEANINGS[name].words for stem in content_words(fold(word))}
    wanted = content_words(fold(phrase))
    names = wanted - meant
    passages = search(phrase)
    stated: dict[str, tuple[Quantity, Citation]] = {}
    for n, passage in enumerate(passages if wanted else (), 1):
        about = content_words(fold(f"{passage.header} {passage.file}"))
        for start, end in stating_lines(passage.text):
            line = passage.text[start:end]
            said = content_words(fold(line))
            is_worded = bool(wanted & said) and wanted <= about | said
            is_meant = is_worded or bool(meanings & meanings_of(label_of(line)))
            figures = [one for one in quantities_of(line).quantities if not _is_year(one)]
            if is_meant and names <= about | said and len(figures) == 1:
                citation = citation_at(n, passage, start, end)
                stated.setdefault(f"{figures[0].value} {figures[0].unit}", (figures[0], citation))
    if len(stated) != 1:
        return None
    figure, citation = next(iter(stated.values()))
    if not re.fullmatch(r"\d+(?:\.\d+)?", figure.value):
        return None
    quote = display_quote(citation.quote)
    short = quote if len(quote) <= LONGEST_QUOTE else f"{quote[:LONGEST_QUOTE]} …"
    cited = replace(citation, n=1)
    unit = {"EUR": "€", "GBP": "£", "dollar": "$"}.get(figure.unit, figure.unit)
    return WorkedOut(
        Message("“{quote}” [1]", quote=short),
        (cited,),
        (passages[citation.n - 1],),
        (Message("Found: {what}", what=short),),
        Decimal(figure.value),
        unit,
    )


def _is_year(quantity: Quantity) -> bool:
    return not quantity.unit and quantity.value.isdigit() and int(quantity.value) in YEARS
