"""Recognise questions over many documents by their words, in English and French, and plan the table's columns.

Whatever is not clearly such a question stays an ordinary one: a table is planned only where the question
names things that documents state, and names the documents, by a word for them or by none at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from docent.answering.citing.vocabulary import NUMBERS, content_words, fold
from docent.errors import InputError
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
_ALL = r"(?:all(?: of)?(?: the| our| my)?|every|each(?: of the)?|chaque|tous(?: les| nos| mes)?|toutes(?: les| nos| mes)?)"
_NOUN = r"[^\W\d_][\w-]*(?: [^\W\d_][\w-]*){0,2}"
_BY = r"(?:by|on|according to|in terms of|with|selon|par|sur|d.apres|en fonction de|avec)"
_OF = r"(?:of|for|in|from|at|across|over|de|des|du|pour|dans)"
_ASK = (
    r"(?:(?:please |can you |could you |peux-tu |s.il te plait )*(?:list|show|give|make|create|build|draw(?: up)?|"
    r"liste[rz]?|donne[rz]?|montre[rz]?|fais|faites|cree[rz]?|etablis|dresse[rz]?)(?: me| us| -?moi| -?nous)? )"
)
SHAPES = tuple(
    re.compile(shape)
    for shape in (
        rf"{_ASK}?(?:an? |une? )?compar(?:e|er|ez|ison|aison)(?: of| de| des)? (?P<all>{_ALL} )?(?P<subject>(?:the |les |des )?{_NOUN}) {_BY} (?P<columns>.+)",
        rf"{_ASK}(?:an? |the |une? |le |la )?(?:table|tableau|overview) (?:of|with|de|des|du|avec) (?P<all>{_ALL} )(?P<subject>{_NOUN}?) {_BY} (?P<columns>.+)",
        rf"{_ASK}(?:an? |the |une? |le |la )?(?:table|tableau|overview) (?:of|with|de|des|du|avec) (?P<columns>.+?) {_OF} (?P<all>{_ALL} )(?P<subject>{_NOUN})",
        rf"{_ASK}(?P<all>{_ALL} )(?P<subject>[\w-]+)['’]s? (?P<columns>.+)",
        rf"{_ASK}(?P<all>{_ALL} )(?P<subject>{_NOUN}?) (?:with|and|avec|et) (?:their|its|the|leurs?|son|sa|ses) (?P<columns>.+)",
        rf"{_ASK}(?P<columns>.+?) {_OF} (?P<all>{_ALL} )(?P<subject>{_NOUN}?)(?P<year> (?:in|for|en|pour) (?:19|20)\d\d)?",
        rf"(?:what (?:is|are|was|were)|what.s|quel(?:le)?s? (?:est|sont|etait|etaient)) (?P<columns>.+?) {_OF} (?P<all>{_ALL} )(?P<subject>{_NOUN}?)(?P<year> (?:in|for|en|pour) (?:19|20)\d\d)?",
    )
)
"""Questions that name their columns and ask them of every document."""
_ADDED = r"(?P<how>total|sum of|sum|average|mean|somme|total|moyenne)"
CALCULATED = re.compile(
    rf"(?:what (?:is|was) |what.s |calculate |compute |add up |quel(?:le)? est |calcule[rz]? |{_ASK})?(?:the |le |la |l.)?{_ADDED}"
    rf"(?: of| de| des| du)? (?:the |le |la |les )?(?P<columns>.+?) (?:of|for|across|over|de|des|pour) (?P<all>{_ALL} |the |les )?"
    rf"(?P<subject>{_NOUN}?)(?P<year> (?:in|for|en|pour) (?:19|20)\d\d)?"
)
_COUNT = "|".join([*(word for word in NUMBERS if word.isalpha()), r"\d{1,3}"])
_WHO = (
    rf"(?:which|what|who|whose|what.s|quel(?:le)?s?(?: est| sont)?|qui|lequel|laquelle)(?: (?:of the|sont les|est le|est la|les|le|la|is the|are the|is|are|a|the))?"
    rf"(?: (?P<top>{_COUNT}))?"
)
SUPERLATIVE = re.compile(
    rf"{_WHO}(?: (?P<subject>{_NOUN}?))? (?:(?:has|have|had|offers?|gives?|serves?|with|states?|reports?|reported|made|lists?|a|ont|avec|propose(?:nt)?|offre(?:nt)?|sert|servent) )"
    r"(?:the |le |la |les )?(?P<most>highest|largest|biggest|greatest|most|longest|latest|best|lowest|smallest|fewest|least|shortest|earliest|worst) (?P<column>.+)"
)
SUPERLATIVE_FR = re.compile(
    rf"{_WHO}(?: (?P<subject>{_NOUN}?))? (?:a|ont|avec|propose(?:nt)?|offre(?:nt)?|sert|servent) (?:"
    r"(?:le|la|les) (?P<column>.+?) (?:le|la|les) (?P<most>plus (?:eleve|haut|grand|long|tard|bas|petit|court|tot)|moins (?:eleve|long))(?:ue)?(?:se)?e?s?"
    r"|le (?P<many>plus|moins) (?:de |d.)(?P<counted>.+))"
)
ADJECTIVE = re.compile(
    rf"{_WHO}(?: (?P<subject>{_NOUN}?))? (?:is|are|has|lasts) (?:the )?(?P<adjective>longest|shortest|earliest|soonest|latest)"
)
HOW_MANY = re.compile(
    rf"(?:how many|combien (?:de |d.)|(?:which|what|quel(?:le)?s?)|{_ASK}(?:{_ALL} |the |les )?)(?: |(?<= ))(?P<subject>{_NOUN}?) (?P<condition>(?:that |which |who |qui )?(?:is|are|have|has|pay|pays|offer|offers|cost|costs|serve|serves|start|starts|begin|begins|last|lasts|allow|allows|can|sont|est|ont|a|paient|paie|proposent|propose|coutent|commencent|servent|permettent) .+)"
)
DESCENDING = frozenset("highest largest biggest greatest most longest latest best".split())
NO_COLUMNS_GIVEN = "The question names nothing to compare. Name the columns, for example: /table internships by pay, place and deadline"


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
    for said_by in (
        lambda document: shown_library(document.library),
        lambda document: f"{document.title} {document.name}",
    ):
        chosen = [
            document
            for document in documents
            if any(form <= content_words(fold(re.sub(r"[_.-]", " ", said_by(document)))) for form in forms)
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
        found = re.fullmatch(
            rf"{_WHO}(?: (?P<subject>{_NOUN}?))?(?: (?:is|are|est|sont))?(?: the| le| la| les)? ?{phrase.pattern}(?: (?P<rest>{_NOUN}))?",
            folded,
        )
        if found:
            column = columns_named(known.asked[0], known_only=True)
            return _top(column, found, text, descending=descending)
    if found := ADJECTIVE.fullmatch(folded):
        key, descending = ADJECTIVES[found["adjective"]]
        return _top(columns_named(key, known_only=True), found, text, descending=descending)
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
