"""Recognise questions over many documents by their words, in English and French, and plan the columns.

Whatever is not clearly such a question stays an ordinary one: a table is planned only where the question
names things that documents state, and names the documents, by a word for them or by none at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from docent.answering.citing.vocabulary import NUMBERS, content_words, fold
from docent.errors import InputError
from docent.messages import Message
from docent.research.column_names import WORD_OF_DOCUMENTS, columns_named, condition_of
from docent.research.item_counts import FOOD
from docent.research.known_fields import ADJECTIVES, field_named, field_of, superlatives
from docent.types import (
    StoredDocument,
    TableColumn,
    TableOrder,
    TablePlan,
    shown_library,
)

COMMAND = re.compile(r"\s*/(?:table|tableau)\b\s*", re.IGNORECASE)
_ALL = (
    r"(?:all(?: of)?(?: the| our| my)?|every|each(?: of the)?"
    r"|chaque|tous(?: les| nos| mes)?|toutes(?: les| nos| mes)?)"
)
_EVERY = rf"(?P<all>{_ALL} )"
_NOUN = r"[^\W\d_][\w-]*(?: [^\W\d_][\w-]*){0,2}"
_SUBJECT = rf"(?P<subject>{_NOUN}?)"
_BY = r"(?:by|on|according to|in terms of|with|selon|par|sur|d.apres|en fonction de|avec)"
_OF = r"(?:of|for|in|from|at|across|over|de|des|du|pour|dans)"
_YEAR = r"(?P<year> (?:in|for|en|pour) (?:19|20)\d\d)?"
_COLUMNS, _SOME_COLUMNS = r"(?P<columns>.+)", r"(?P<columns>.+?)"
_ASK = (
    r"(?:(?:please |can you |could you |peux-tu |s.il te plait )*"
    r"(?:list|show|give|make|create|build|draw(?: up)?"
    r"|liste[rz]?|donne[rz]?|montre[rz]?|fais|faites|cree[rz]?|etablis|dresse[rz]?)"
    r"(?: me| us| -?moi| -?nous)? )"
)
_TABLE_OF = rf"{_ASK}(?:an? |the |une? |le |la )?(?:table|tableau|overview) (?:of|with|de|des|du|avec)"
_WHAT_IS = r"(?:what (?:is|are|was|were)|what.s|quel(?:le)?s? (?:est|sont|etait|etaient))"
SHAPES = tuple(
    re.compile(shape)
    for shape in (
        # compare all internships by pay and place
        rf"{_ASK}?(?:an? |une? )?compar(?:e|er|ez|ison|aison)(?: of| de| des)? {_EVERY}?"
        rf"(?P<subject>(?:the |les |des )?{_NOUN}) {_BY} {_COLUMNS}",
        # make a table of all internships with pay and place
        rf"{_TABLE_OF} {_EVERY}{_SUBJECT} {_BY} {_COLUMNS}",
        # make a table of pay and place for all internships
        rf"{_TABLE_OF} {_SOME_COLUMNS} {_OF} {_EVERY}(?P<subject>{_NOUN})",
        # list every report's revenue
        rf"{_ASK}{_EVERY}(?P<subject>[\w-]+)['’]s? {_COLUMNS}",
        # list all internships with their pay
        rf"{_ASK}{_EVERY}{_SUBJECT} (?:with|and|avec|et) (?:their|its|the|leurs?|son|sa|ses) {_COLUMNS}",
        # list the deadlines of all internships
        rf"{_ASK}{_SOME_COLUMNS} {_OF} {_EVERY}{_SUBJECT}{_YEAR}",
        # what is the pay of each internship
        rf"{_WHAT_IS} {_SOME_COLUMNS} {_OF} {_EVERY}{_SUBJECT}{_YEAR}",
    )
)
"""Questions that name their columns and ask them of every document."""
CALCULATED = re.compile(
    rf"(?:what (?:is|was) |what.s |calculate |compute |add up |quel(?:le)? est |calcule[rz]? |{_ASK})?"
    r"(?:the |le |la |l.)?(?P<how>total|sum of|sum|average|mean|somme|total|moyenne)"
    rf"(?: of| de| des| du)? (?:the |le |la |les )?{_SOME_COLUMNS} (?:of|for|across|over|de|des|pour) "
    rf"(?P<all>{_ALL} |the |les )?{_SUBJECT}{_YEAR}"
)
_COUNT = "|".join([*(word for word in NUMBERS if word.isalpha()), r"\d{1,3}"])
_WHO = (
    r"(?:which|what|who|whose|what.s|quel(?:le)?s?(?: est| sont)?|qui|lequel|laquelle)"
    r"(?: (?:of the|sont les|est le|est la|les|le|la|is the|are the|is|are|a|the))?"
    rf"(?: (?P<top>{_COUNT}))?(?: {_SUBJECT})?"
)
_HAS = (
    r"(?:has|have|had|offers?|gives?|serves?|with|states?|reports?|reported|made|lists?"
    r"|a|ont|avec|propose(?:nt)?|offre(?:nt)?|sert|servent)"
)
SUPERLATIVE = re.compile(
    rf"{_WHO} {_HAS} (?:the |le |la |les )?"
    r"(?P<most>highest|largest|biggest|greatest|most|longest|latest|best"
    r"|lowest|smallest|fewest|least|shortest|earliest|worst) (?P<column>.+)"
)
SUPERLATIVE_FR = re.compile(
    rf"{_WHO} {_HAS} (?:(?:le|la|les) (?P<column>.+?) (?:le|la|les) "
    r"(?P<most>plus (?:eleve|haut|grand|long|tard|bas|petit|court|tot)|moins (?:eleve|long))"
    r"(?:ue)?(?:se)?e?s?"
    r"|le (?P<many>plus|moins) (?:de |d.)(?P<counted>.+))"
)
ADJECTIVE = re.compile(
    rf"{_WHO} (?:is|are|has|lasts) (?:the )?(?P<adjective>longest|shortest|earliest|soonest|latest)"
)
_VERB = (
    r"(?:is|are|have|has|pay|pays|offer|offers|cost|costs|serve|serves|start|starts|begin|begins|last|lasts"
    r"|allow|allows|can|sont|est|ont|a|paient|paie|proposent|propose|coutent|commencent|servent|permettent)"
)
HOW_MANY = re.compile(
    rf"(?:how many |combien (?:de |d.)|(?:which|what|quel(?:le)?s?) |{_ASK}(?:{_ALL} |the |les )?)"
    rf"{_SUBJECT} (?P<condition>(?:that |which |who |qui )?{_VERB} .+)"
)
DESCENDING = frozenset("highest largest biggest greatest most longest latest best".split())
NO_COLUMNS_GIVEN = Message(
    "The question names nothing to compare. Name the columns, for example: "
    "/table internships by pay, place and deadline"
)


def table_plan(question: str, columns: Sequence[str] = ()) -> TablePlan | None:
    """Return the plan of a question over many documents; None for any other question.

    Raises InputError for an explicit `/table` that names no columns.
    """
    command = COMMAND.match(question)
    text = question[command.end() :] if command else question
    text = " ".join(text.split()).strip(" ?!.…")
    folded = fold(text)
    plan = (
        _calculated(text, folded)
        or _listed(text, folded)
        or _highest(text, folded)
        or _met(text, folded)
        or (_plain_list(text, folded) if command or columns else None)
    )
    if columns:
        plan = replace(plan or TablePlan(()), columns=columns_named(", ".join(columns), known_only=False))
    if (command or columns) and (plan is None or not plan.columns):
        raise InputError(NO_COLUMNS_GIVEN)
    return plan if plan is None else replace(plan, explicit=bool(command or columns))


def documents_asked(plan: TablePlan, documents: Sequence[StoredDocument]) -> list[StoredDocument]:
    """Return the documents that a plan is about; none if its subject is no word for them."""
    words = content_words(plan.subject)
    figures = any((known := field_of(column.field)) and known.figure for column in plan.columns)
    subject = fold(plan.subject)
    chosen = _about(_forms(plan.subject), documents) if words else list(documents)
    companies = figures and re.fullmatch(r"(?:compan(?:y|ies)|firms?|entreprises?|societes?)", subject)
    if not chosen and (companies or WORD_OF_DOCUMENTS.fullmatch(subject)):
        chosen = list(documents)
    return chosen if len(chosen) >= 2 or plan.explicit else []


TRANSLATED = {
    "stage": "internship", "restaurant": "restaurant", "rapport": "report", "contrat": "contract",
    "facture": "invoice", "offre": "offer", "emploi": "job", "poste": "job", "produit": "product",
    "appartement": "apartment", "logement": "apartment", "fournisseur": "supplier", "menu": "menu",
}  # fmt: skip


def _forms(subject: str) -> list[frozenset[str]]:
    """Return the stems of a subject, in French also those of its translation."""
    word = fold(subject)
    translated = TRANSLATED.get(word.removesuffix("s")) or TRANSLATED.get(word)
    return [frozenset(content_words(form)) for form in (word, translated) if form]


def _about(forms: Sequence[frozenset[str]], documents: Sequence[StoredDocument]) -> list[StoredDocument]:
    """Return the documents of a library of this name, else those whose title or file says so."""
    libraries = [shown_library(document.library) for document in documents]
    titles = [f"{document.title} {document.name}" for document in documents]
    for texts in (libraries, titles):
        said = [content_words(fold(re.sub(r"[_.-]", " ", text))) for text in texts]
        chosen = [
            document
            for document, words in zip(documents, said, strict=True)
            if any(form <= words for form in forms)
        ]
        if len(chosen) >= 2:
            return chosen
    return []


def _listed(text: str, folded: str) -> TablePlan | None:
    for shape in SHAPES:
        found = shape.fullmatch(folded)
        if found is None:
            continue
        subject = _subject(text, found, all_of_them=bool(found["all"]))
        if subject is None:
            continue
        year = (found.groupdict().get("year") or "")[-4:]
        columns = columns_named(text[slice(*found.span("columns"))], year=year, known_only=True)
        if columns:
            return TablePlan(columns, subject=subject)
    return None


def _subject(text: str, found: re.Match[str], *, all_of_them: bool) -> str | None:
    """Return the subject of a listing; None where it names some documents, and not a kind of them."""
    start, end = found.span("subject")
    subject = re.sub(r"^(?:the|les|des|of the)\s+", "", text[start:end], flags=re.IGNORECASE)
    if re.search(r"\b(?:and|et|with|versus|vs|to)\b", subject) or not subject:
        return None
    is_plural = fold(subject).endswith(("s", "x"))
    is_name = subject[0].isupper() and start > 0
    return subject if all_of_them or (is_plural and not is_name) else None


def _calculated(text: str, folded: str) -> TablePlan | None:
    found = CALCULATED.fullmatch(folded)
    if found is None:
        return None
    subject = _subject(text, found, all_of_them=bool(found["all"]))
    year = (found["year"] or "")[-4:]
    columns = columns_named(text[slice(*found.span("columns"))], year=year, known_only=True)
    if subject is None or len(columns) != 1 or columns[0].kind != "number":
        return None
    how = "mean" if found["how"] in ("average", "mean", "moyenne") else "sum"
    return TablePlan(columns, subject=subject, calculation="mean" if how == "mean" else "sum")


def _highest(text: str, folded: str) -> TablePlan | None:
    """Return the plan of a question for the best, the cheapest, the three with the most."""
    for found in filter(None, (SUPERLATIVE.fullmatch(folded), SUPERLATIVE_FR.fullmatch(folded))):
        groups = found.groupdict()
        most = groups.get("many") or found["most"] or ""
        span = found.span("counted") if groups.get("counted") else found.span("column")
        columns = columns_named(text[slice(*span)], known_only=True)
        if len(columns) == 1 and columns[0].kind != "text":
            descending = most in DESCENDING or (
                most.startswith("plus") and not most.endswith(("bas", "petit", "court", "tot"))
            )
            return _top(columns, found, text, descending=descending)
    for phrase, known, descending in superlatives():
        best = re.fullmatch(
            rf"{_WHO}(?: (?:is|are|est|sont))?(?: the| le| la| les)? ?{phrase.pattern}"
            rf"(?: (?P<rest>{_NOUN}))?",
            folded,
        )
        if best:
            column = columns_named(known.asked[0], known_only=True)
            return _top(column, best, text, descending=descending)
    if best := ADJECTIVE.fullmatch(folded):
        key, descending = ADJECTIVES[best["adjective"]]
        return _top(columns_named(key, known_only=True), best, text, descending=descending)
    return None


def _top(
    columns: tuple[TableColumn, ...], found: re.Match[str], text: str, *, descending: bool
) -> TablePlan | None:
    groups = found.groupdict()
    name = "subject" if groups.get("subject") else "rest" if groups.get("rest") else ""
    subject = text[slice(*found.span(name))] if name else ""
    subject = re.sub(r"^(?:the|of the|les?|la|one|ones|is|are)\b\s*", "", subject, flags=re.IGNORECASE)
    top = groups.get("top") or ""
    count = int(NUMBERS.get(top, top or 1))
    return TablePlan(columns, TableOrder(0, descending), top=count, subject=subject)


def _met(text: str, folded: str) -> TablePlan | None:
    """Return the plan of "how many internships are remote" and "which internships pay more than …"."""
    found = HOW_MANY.fullmatch(folded)
    if found is None:
        return None
    subject = text[slice(*found.span("subject"))]
    met = condition_of(text[slice(*found.span("condition"))])
    if met is None or not subject or fold(subject) in FOOD:
        return None
    column, conditions = met
    counted = folded.startswith(("how many", "combien"))
    return TablePlan((column,), filters=conditions, calculation="count" if counted else None, subject=subject)


def _plain_list(text: str, folded: str) -> TablePlan | None:
    """Return the plan of "internships by pay and place", or of "pay, place", as a command may say it."""
    found = re.fullmatch(rf"(?:{_ALL} )?(?P<subject>{_NOUN}?) {_BY} (?P<columns>.+)", folded)
    if found:
        columns = columns_named(text[slice(*found.span("columns"))], known_only=False)
        subject = re.sub(r"^(?:the|les)\s+", "", text[slice(*found.span("subject"))])
        return TablePlan(columns, subject=subject)
    found = re.fullmatch(rf"(?P<columns>.+?) {_OF} (?:{_ALL} |the |les )?(?P<subject>{_NOUN})", folded)
    if found and field_named(text[slice(*found.span("subject"))]) is None:
        columns = columns_named(text[slice(*found.span("columns"))], known_only=False)
        return TablePlan(columns, subject=text[slice(*found.span("subject"))])
    return TablePlan(columns_named(text, known_only=False))
