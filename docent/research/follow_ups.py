"""Follow-ups of a table: "sort by deadline", "only the remote ones", "add the start date", also in French."""

from __future__ import annotations

import re
from dataclasses import replace

from docent.answering.citing.vocabulary import fold
from docent.research.column_names import MOST_COLUMNS, columns_named, condition_of
from docent.types import TableColumn, TableOrder, TablePlan

POLITE = (
    r"(?:(?:and|now|then|please|ok|can you|could you|et|maintenant|puis|alors|peux-tu|s.il te plait)[, ]+)*"
)
DESCENDING = (
    r"(?:in )?(?:descending(?: order)?|(?:the )?(?:highest|largest|latest|longest|most) first|decroissant|"
    r"par ordre decroissant)"
)
ASCENDING = (
    r"(?:in )?(?:ascending(?: order)?|(?:the )?(?:lowest|smallest|earliest|shortest|least) first|croissant|"
    r"par ordre croissant)"
)
SORTED = re.compile(
    rf"{POLITE}(?:sort(?:ed)?|order(?:ed)?|ranke?d?|trie[rz]?|classe[rz]?|range[rz]?)"
    r"(?:[ -](?:it|them|these|those|all|the table|the rows|les|le|la|le tableau))?"
    rf" (?:by|par|selon) (?P<column>.+?)(?:,? (?:(?P<down>{DESCENDING})|(?P<up>{ASCENDING})))?"
)
ONLY = re.compile(
    rf"{POLITE}(?:(?:show|keep|list|garde[rz]?|montre[rz]?)(?: me|[ -]moi)? )?"
    r"(?:only|just|seulement|uniquement|que)(?: (?:show|keep))?"
    r"(?: (?:the|those|these|ones|that|which|who|les|ceux|celles|qui|le|la))*"
    r" (?P<condition>.+?)(?: (?:ones|documents?))?"
)
OF_THEM = re.compile(
    rf"{POLITE}(?:which|how many|lesquel(?:le)?s|combien)(?: (?:of them|of these|of those|ones|d.entre eux|"
    r"d.entre elles))? (?P<condition>(?:are|is|have|pay|cost|start|begin|last|allow|sont|ont|paient|coutent|"
    r"commencent|durent|permettent)s? .+)"
)
ADDED = re.compile(
    rf"{POLITE}(?:also )?(?:add|include|ajoute[rz]?|inclu[st])(?: also| aussi)?"
    r"(?: (?:a |the )?columns?(?: (?:for|with))?| (?:une |la )?colonnes?(?: (?:pour|avec))?)? (?P<columns>.+)"
)


def follow_up_plan(question: str, plan: TablePlan) -> TablePlan | None:
    """Return the plan of a table that was changed as a follow-up says; None for any other question."""
    text = " ".join(question.split()).strip(" ?!.…")
    folded = fold(text)
    if found := SORTED.fullmatch(folded):
        named = columns_named(text[slice(*found.span("column"))], known_only=False)
        return _sorted(plan, named, down=bool(found["down"]), up=bool(found["up"]))
    if found := ONLY.fullmatch(folded) or OF_THEM.fullmatch(folded):
        return _filtered(plan, text[slice(*found.span("condition"))])
    if found := ADDED.fullmatch(folded):
        return _with_columns(plan, columns_named(text[slice(*found.span("columns"))], known_only=False))
    return None


def _sorted(plan: TablePlan, named: tuple[TableColumn, ...], *, down: bool, up: bool) -> TablePlan | None:
    """Return the plan with another order: dates the earliest first, figures the highest first."""
    if len(named) != 1 or (wider := _with_columns(plan, named)) is None:
        return None
    number = _position(wider, named[0])
    column = wider.columns[number]
    if column.kind not in ("number", "count", "date"):
        return None
    order = TableOrder(number, descending=down or (not up and column.kind != "date"))
    return replace(wider, order=order, top=0, calculation=None)


def _filtered(plan: TablePlan, condition: str) -> TablePlan | None:
    """Return the plan with a further condition."""
    met = condition_of(condition)
    if met is None or (wider := _with_columns(plan, (met[0],))) is None:
        return None
    number = _position(wider, met[0])
    return replace(wider, filters=(*plan.filters, *(replace(one, column=number) for one in met[1])))


def _with_columns(plan: TablePlan, columns: tuple[TableColumn, ...]) -> TablePlan | None:
    """Return the plan with those of the columns that it lacks; None if there are none, or too many."""
    new = tuple(column for column in columns if _position(plan, column) < 0)
    if not columns or len(plan.columns) + len(new) > MOST_COLUMNS:
        return None
    return replace(plan, columns=(*plan.columns, *new))


def _position(plan: TablePlan, column: TableColumn) -> int:
    """Return the number of a column that asks for the same; -1 where there is none."""
    for number, other in enumerate(plan.columns):
        same = other.field == column.field if column.field else other.name.lower() == column.name.lower()
        if same and (not column.year or other.year == column.year):
            return number
    return -1
