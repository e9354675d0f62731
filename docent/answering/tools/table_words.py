"""The words of a question on a table: operations, comparisons, columns and values, in English and French.

A question is answered from a table only if every word of it is known here: one word that says more than the
table does ("parental leave") makes it another question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from docent.answering.citing.quantities import CURRENCIES, MONTHS
from docent.answering.citing.vocabulary import NUMBERS, fold
from docent.answering.tools.sheet_tables import Table

PIECE = re.compile(
    r"\d{4}-\d{2}-\d{2}|\d{1,3}(?:[,. \u00a0\u202f]\d{3})+(?:[.,]\d{1,2})?(?!\w)|\d+(?:[.,]\d+)?(?!\w)"
    r"|[^\W_]+|[%€$£¥]"
)


@dataclass(frozen=True, slots=True)
class QuestionWord:
    """A word or phrase of a question, by its kind, at tokens `start:end`."""

    kind: str
    """An operation, or: column, value, number, date, month, table, filler, unknown."""
    start: int
    end: int
    value: Any = None
    text: str = ""


_OPERATIONS = {
    "count": "how many|number of|count of|count the|count|combien de|combien d|nombre de|nombre d"
    "|nombre total de",
    "how much": "how much|combien",
    "sum": "total|totals|sum|sums|in total|altogether|overall|all together|somme|au total|totale|totaux"
    "|totales"
    "|en tout|sum of|total of",
    "avg": "average|averages|mean|avg|moyenne|moyennes|moyen|moyens|en moyenne|on average",
    "median": "median|mediane|medians",
    "max": "highest|largest|biggest|greatest|maximum|max|most|the most|plus eleve|plus elevee|plus eleves"
    "|plus elevees|plus haut|plus haute|plus grand|plus grande|plus gros|plus grosse|maximal|le plus|la plus"
    "|les plus|le plus de|plus forte|plus fort|best paid|top earning",
    "min": "lowest|smallest|minimum|min|least|fewest|plus bas|plus basse|plus petit|plus petite|plus faible"
    "|minimal|le moins|la moins|les moins|le moins de",
    "max price": "most expensive|dearest|priciest|costliest|plus cher|plus chere|plus chers|plus cheres"
    "|most costly|plus couteux|plus couteuse",
    "min price": "cheapest|least expensive|moins cher|moins chere|moins chers|moins cheres",
    "max date": "latest|newest|most recent|plus recent|plus recente|plus recents|plus recentes|youngest",
    "min date": "oldest|earliest|plus ancien|plus ancienne|plus vieux|plus vieille|plus anciens",
    "max pay": "best paid|highest paid|mieux paye|mieux payee",
    "group": "per|by|for each|each|for every|in each|every|par|pour chaque|chaque|grouped by|broken down by"
    "|ventile par",
    "top": "top",
    "bottom": "bottom",
    "share": "percentage of|share of|proportion of|percent of|what percentage|pourcentage de|pourcentage des"
    "|part de|part des|what share|quelle part|% of",
    "different": "different|distinct|unique|differents|differentes|distincts",
    ">": "more than|over|above|greater than|higher than|exceeding|exceeds|exceed|plus de|superieur a"
    "|superieure a|superieurs a|superieures a|au dessus de|depasse|depassent|later than|after|apres"
    "|newer than"
    "|larger than|bigger than|plus recent que|plus recents que|posterieur a",
    ">=": "at least|no less than|au moins|since|depuis|starting from|a partir de|minimum of",
    "<": "less than|under|below|fewer than|lower than|cheaper than|smaller than|moins de|inferieur a"
    "|inferieure a|inferieurs a|inferieures a|en dessous de|before|earlier than|avant|older than"
    "|plus ancien que|plus anciens que|anterieur a",
    "<=": "at most|up to|no more than|au plus|jusqu a|maximum of|until",
    "between": "between|entre",
    "not": "not|except|excluding|other than|sauf|hors|excepte|without|sans|pas",
    "list": "list|show|which|liste|quels|quelles|affiche|montre|lesquels|lesquelles|who|qui|quel|quelle",
    "when": "when|quand",
    "filler": "y a t il|a t il|a t elle|ont ils|ont elles|t il|t elle|sont ils|sont elles|est il|est elle",
}
_FILLER = """a an the of is are was were be been what s in on at for to from with and or do does did have has
    had     there our we us me i give tell please can could you all any entire whole list find out that as
    than
    many much one ones where come comes came made make makes place placed say says stand stands found
    get gets number value values listed find only into within during paid named called le la les l un
    une des du de d est sont etait etaient a au aux en dans pour sur et ne n que qu qui quel quelle
    quels quelles y ont avait ai nous je moi donne donnez moi dis combien chaque avec se trouve vient
    viennent travaille travaillent works work working live lives ordered sold bought order consumed used
    consommation consumption consomme consommee usage coming table sheet spreadsheet file csv xlsx ods
    data tableau feuille fichier classeur rows row lines entries records lignes entrees located based
    held during amounting worth amount quantity total""".split()
FILLER = frozenset(_FILLER)
GENERIC_NAMES = frozenset(
    "report summary overview export document rapport synthese copy final new version page".split()
)
"""Words of file names that do not say what a row is."""
ROWS = frozenset(
    "row rows line lines entry entries record records item items ligne lignes entree entrees".split()
)
_SAME = """price prix cost cout tarif costs couter coute coutent coutait
    amount montant
    quantity quantite qty
    city town ville
    country pays
    name nom
    department departement service team equipe
    salary salaire wage pay earn earns gagne gagnent earned remuneration
    category categorie type
    product produit article
    customer client
    month mois
    year annee millesime vintage
    revenue turnover sales ventes
    hours heures
    employee employe salarie worker
    supplier fournisseur
    order commande
    weight poids
    rating note
    colour color couleur
    status statut
    seat place siege
    electricity electricite
    gas gaz
    building batiment
    floor etage
    room salle
    start debut started began begin commence
    end fin
    bottle bouteille
    wine vin
    score points
    distance length longueur
    duration duree"""
SAME = {word: line.split()[0] for line in _SAME.splitlines() for word in line.split()}
"""Words that name the same kind of column, in both languages."""
_DEMONYMS = """france french francais francaise; italy italie italian italien italienne; spain
    espagne spanish espagnol     espagnole; germany allemagne german allemand allemande; portugal
    portuguese portugais portugaise;
    austria autriche austrian autrichien; switzerland suisse swiss; belgium belgique belgian belge;
    netherlands dutch neerlandais; denmark danemark danish danois; sweden suede swedish suedois; norway
    norvege norwegian; finland finlande finnish; poland pologne polish polonais; greece grece greek
    grec; ireland irlande irish; japan japon japanese japonais; china chine chinese chinois; india inde
    indian indien; brazil bresil brazilian; canada canadian canadien; mexico mexique mexican mexicain;
    morocco maroc moroccan marocain; argentina argentine; chile chili chilean chilien; australia
    australie australian; red rouge; white blanc blanche; sparkling petillant mousseux; yes oui; no non;
    open ouvert ouverte; paid paye payee; cancelled canceled annule annulee"""
DEMONYMS: Mapping[str, frozenset[str]] = {
    word: frozenset(group.split()) for group in _DEMONYMS.split(";") for word in group.split()
}
"""Other words for a value: French for France, red for rouge."""
MONTH_OF = {fold(word): number for word, number in MONTHS.items()}
NUMBER_WORDS = {fold(word): int(figure) for word, figure in NUMBERS.items() if "-" not in word}
NUMBER_WORDS = {
    word: number
    for word, number in NUMBER_WORDS.items()
    if not word.endswith("th") and word not in ("third", "neuf", "single", "sole", "einzig", "einzige")
}
"""Without ordinals: the third most expensive is one, not three."""
BOOLEANS = frozenset("yes no oui non true false vrai faux x".split())
TRUE = frozenset("yes oui true vrai x".split())
ADDITIVE = frozenset(
    """amount montant quantity quantite qty revenue turnover sales ventes hours heures cost cout total budget
    spend spending expense expenses depense depenses units unites bottles bouteilles seats places days jours
    consumption consommation electricity electricite gas gaz kwh count nombre stock orders commandes visitors
    visiteurs visits km weight poids profit loss""".split()
)
"""Words of columns that may be added up: prices, ages and rates may not."""
MOST_VALUE_WORDS = 6
MOST_PARTLY = 2_000
"""Different values of a column that a part of them may name: "Barolo" for "Barolo Serralunga"."""
SPACES = re.compile(r"[\s\u00a0\u202f]")
LONGEST_PHRASE = 8
ARTICLES = frozenset("the le la les".split())
UNIT_WORDS = frozenset(fold(word) for word in CURRENCIES) | frozenset(
    "% percent kg g km m cm l ml kwh".split()
)
PARTS = {
    "month": "month", "months": "month", "mois": "month", "year": "year", "years": "year", "ans": "year",
    "annee": "year", "annees": "year", "quarter": "quarter", "quarters": "quarter", "trimestre": "quarter",
    "trimestres": "quarter",
}  # fmt: skip
"""Words for a part of a date by which rows are grouped."""


def pieces(text: str) -> list[str]:
    """Return the words, numbers and signs of a text, folded."""
    folded = text.lower() if text.isascii() else fold(text)
    return [SPACES.sub("", piece) if piece[0].isdigit() else piece for piece in PIECE.findall(folded)]


@lru_cache(maxsize=4096)
def bare(word: str) -> str:
    """Return a word without the ending of its plural."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith(("s", "x")) and not word.endswith("ss") else word


def named(word: str) -> str:
    """Return the word under which columns of this kind are known, in either language."""
    return SAME.get(word) or SAME.get(bare(word)) or bare(word)


def is_additive(table: Table, column: int) -> bool:
    """Tell whether the values of a column may be added up."""
    words = pieces(table.labels[column])
    return any(word in ADDITIVE or bare(word) in ADDITIVE for word in words)


OPERATIONS: Mapping[tuple[str, ...], str] = {
    tuple(phrase.split()): kind for kind, phrases in _OPERATIONS.items() for phrase in phrases.split("|")
}


class TableLexicon:
    """The phrases that name the columns and values of a table."""

    def __init__(self, table: Table, file: str) -> None:
        self.table = table
        self.columns: dict[tuple[str, ...], int] = {}
        self.values: dict[tuple[str, ...], dict[int, set[str]]] = {}
        """By words: the values of each column that they name."""
        self.title = {
            form
            for word in (*pieces(table.title), *pieces(file))
            if not word.isdigit() and len(word) > 2 and bare(word) not in GENERIC_NAMES
            for form in (bare(word), named(word))
        }
        self._add_columns()
        for column, kind in enumerate(table.kinds):
            if kind == "TEXT" and not table.dates[column]:
                self._add_values(column)

    def _add_columns(self) -> None:
        loose: dict[str, set[int]] = {}
        for column, label in enumerate(self.table.labels):
            written = pieces(re.sub(r"\([^)]*\)", " ", label)) or pieces(label)
            if not written:
                continue
            self.columns.setdefault(tuple(map(bare, written)), column)
            self.columns.setdefault(tuple(map(named, written)), column)
            for word in written:
                if word not in FILLER or word in SAME:
                    loose.setdefault(bare(word), set()).add(column)
                    loose.setdefault(named(word), set()).add(column)
        for word, columns in loose.items():
            if len(columns) == 1:
                self.columns.setdefault((word,), next(iter(columns)))

    def _add_values(self, column: int) -> None:
        distinct = {row.values[column] for row in self.table.placed}
        partly: dict[tuple[str, ...], set[str]] = {}
        for value in distinct:
            words = tuple(pieces(str(value or "")))
            if not words or len(words) > MOST_VALUE_WORDS:
                continue
            for form in {words, tuple(map(bare, words))}:
                self.values.setdefault(form, {}).setdefault(column, set()).add(str(value))
            if len(words) == 1:
                for other in DEMONYMS.get(words[0], ()):
                    self.values.setdefault((other,), {}).setdefault(column, set()).add(str(value))
                if month := MONTH_OF.get(words[0]):
                    for name, number in MONTH_OF.items():
                        if number == month:
                            self.values.setdefault((name,), {}).setdefault(column, set()).add(str(value))
            for size in range(1, len(words) if len(distinct) <= MOST_PARTLY else 0):
                for start in range(len(words) - size + 1):
                    partly.setdefault(words[start : start + size], set()).add(str(value))
        for form, values in partly.items():
            longest = max(map(len, form))
            known = form in self.values or form in OPERATIONS or all(word in FILLER for word in form)
            if len(values) == 1 and longest > 3 and not known and not form[0].isdigit():
                self.values.setdefault(form, {})[column] = values

    def column_at(self, words: Sequence[str]) -> int | None:
        for form in (tuple(map(bare, words)), tuple(map(named, words))):
            if form in self.columns:
                return self.columns[form]
        return None

    def values_at(self, words: Sequence[str]) -> dict[int, set[str]]:
        for form in (tuple(words), tuple(map(bare, words))):
            if form in self.values:
                return self.values[form]
        return {}


def words_of(question: str, lexicon: TableLexicon) -> list[QuestionWord]:
    """Return the words of a question by their kind; the longest phrase first, values before columns."""
    tokens = pieces(question)
    return list(_read(tokens, lexicon))


def _read(tokens: Sequence[str], lexicon: TableLexicon) -> Iterator[QuestionWord]:
    at = 0
    while at < len(tokens):
        word = next(
            (
                found
                for size in range(min(LONGEST_PHRASE, len(tokens) - at), 0, -1)
                if (found := _phrase(tokens[at : at + size], at, lexicon)) is not None
            ),
            None,
        ) or _single(tokens[at], at, lexicon)
        yield word
        at = word.end


def _phrase(tokens: Sequence[str], at: int, lexicon: TableLexicon) -> QuestionWord | None:
    end = at + len(tokens)
    text = " ".join(tokens)
    # Column before an operation of the same words ("Total"), and a value before a filler ("paid").
    if values := lexicon.values_at(tokens):
        return QuestionWord("value", at, end, values, text)
    phrase = tuple(tokens[1:] if len(tokens) > 2 and tokens[0] in ARTICLES else tokens)
    if len(phrase) > 1 and phrase in OPERATIONS:
        return QuestionWord(OPERATIONS[phrase], at, end, text=text)
    if (column := lexicon.column_at(tokens)) is not None:
        return QuestionWord("column", at, end, column, text)
    if tuple(tokens) in OPERATIONS:
        return QuestionWord(OPERATIONS[tuple(tokens)], at, end, text=text)
    return None


def _single(token: str, at: int, lexicon: TableLexicon) -> QuestionWord:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", token):
        return QuestionWord("date", at, at + 1, token, token)
    if token[0].isdigit():
        number = _number(token)
        return QuestionWord("unknown" if number is None else "number", at, at + 1, number, token)
    if token in NUMBER_WORDS:
        return QuestionWord("number", at, at + 1, NUMBER_WORDS[token], token)
    if token in MONTH_OF and token != "mar":
        return QuestionWord("month", at, at + 1, MONTH_OF[token], token)
    if token in ROWS:
        return QuestionWord("rows", at, at + 1, text=token)
    if {bare(token), named(token)} & lexicon.title:
        return QuestionWord("table", at, at + 1, text=token)
    if token in PARTS:
        return QuestionWord("part", at, at + 1, PARTS[token], token)
    if token in ("or", "ou"):
        return QuestionWord("or", at, at + 1, text=token)
    if token in FILLER:
        return QuestionWord("filler", at, at + 1, text=token)
    if token in UNIT_WORDS or token in lexicon_units(lexicon):
        return QuestionWord("unit", at, at + 1, text=token)
    return QuestionWord("unknown", at, at + 1, text=token)


def lexicon_units(lexicon: TableLexicon) -> frozenset[str]:
    """Return the units that the labels and the cells of a table name."""
    in_labels = " ".join(re.findall(r"\(([^)]*)\)", " ".join(lexicon.table.labels)))
    return frozenset((*pieces(in_labels), *(fold(unit) for unit in lexicon.table.units if unit)))


def _number(token: str) -> int | float | None:
    """Return the number that a question writes: 1,234.5 as in English, 1234,5 as in French."""
    if re.fullmatch(r"\d+", token):
        return int(token)
    if re.fullmatch(r"\d{1,3}([.,]\d{3})+", token):
        return int(re.sub(r"\D", "", token))
    match = re.fullmatch(r"([\d.,]*\d)[.,](\d{1,2}|\d{4,})", token)
    return float(f"{re.sub(r'[.,]', '', match[1])}.{match[2]}") if match else None
