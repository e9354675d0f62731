"""The words by which a question names a document: an organisation, a report of a year, a title."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

from docent.answering.citing.vocabulary import fold
from docent.questions.question_candidates import DocumentName
from docent.types import Passage, StoredDocument

LOWER = r"(?:and|of|the|de|du|des|la|le|et|&|d['’]|l['’])"
CAPITALS = re.compile(
    rf"(?:(?:The|La|Le|Les|El|Il|Casa) )?[A-ZÀ-Þ][\w’'-]*(?: (?:{LOWER} ?){{0,2}}[A-ZÀ-Þ][\w’'-]*)*"
)
YEAR = re.compile(r"((?:19|20)\d\d)(?:q(\d))?")
NO_NAME = frozenset(
    "report annual quarterly form the a of for in final draft copy new version doc file scan".split()
)
ARTICLES = frozenset(("the", "la", "le", "el", "il", "les"))
PASSAGES_READ = 12
LONGEST_TITLE = 60


def document_name(document: StoredDocument, passages: Sequence[Passage]) -> DocumentName:
    """Return the name that a document has in its own text, by the words of its file name."""
    stem = PurePosixPath(document.name).stem
    stem_words = [fold(word) for word in re.findall(r"[^\W_]+", stem)]
    dated = next((found for word in stem_words if (found := YEAR.fullmatch(word))), None)
    year = f"{f'Q{dated[2]} ' if dated[2] else ''}{dated[1]}" if dated else ""
    text = "\n".join(passage.text for passage in passages[:PASSAGES_READ])
    thing = _thing(document.library, text)
    title = " ".join(document.title.split())
    named = _named_by(stem_words, text)
    if named and not (set(re.findall(r"[^\W_]+", fold(title))) == set(stem_words) and named != title):
        form: Literal["report", "organisation"] = "report" if year else "organisation"
        return DocumentName(f"{named} {year}".strip(), form, thing, document.title)
    if 0 < len(title) <= LONGEST_TITLE and not re.search(r"\.\w{2,4}$|[|_“”]", title):
        return DocumentName(title, thing=thing, title=title)
    readable = " ".join(re.findall(r"[^\W_]+", stem))
    return DocumentName(readable, "report" if year else "title", thing, document.title)


def _thing(library: str, text: str) -> str:
    """Return the singular of a library's name, if the document calls itself so."""
    word = library.rpartition("/")[2].casefold()
    singular = word.removesuffix("s")
    if not singular.isalpha() or singular == word or len(singular) < 4:
        return ""
    return singular if re.search(rf"\b{singular}\b", text, re.IGNORECASE) else ""


def _named_by(stem_words: Sequence[str], text: str) -> str:
    """Return the name in a text that has most words of a file name and stands there most often."""
    runs: Counter[str] = Counter()
    weights: dict[str, float] = {}
    for found in CAPITALS.finditer(text):
        run = re.sub(r"(?: [^\W\d_]\b)+$", "", found[0])
        words = [word for word in re.findall(r"[^\W_]{2,}", fold(run)) if word not in ARTICLES]
        joined = next((n for n in (2, 3) if "".join(words[:n]) in stem_words and len(words) >= n), 0)
        known = words[:joined] or [
            word for word in words if word in stem_words and word not in NO_NAME and len(word) > 2
        ]
        if not known or not (joined or known[0] in stem_words[:2] and known[0] in words[:2]):
            continue
        kept = (
            run
            if 2 * len(known) >= len(words) and not joined
            else _first_words(run, known[-1 if joined else 0])
        )
        kept = re.sub(r"['’]s$", "", kept)
        inside = text[max(found.start() - 2, 0) : found.start()][:1].islower()
        if len(kept.split()) == 1:
            is_name = len(words) > 1 or inside
            if not is_name or re.search(rf"(?:^|\s){re.escape(kept.lower())}(?=[\s,;])", text):
                continue
        runs[kept] += 1
        weights[kept] = len(set(known)) ** 2
    return max(runs, key=lambda run: (runs[run] * weights[run], run), default="")


def _first_words(run: str, last: str) -> str:
    """Return the words of a name up to one of them."""
    kept: list[str] = []
    for word in run.split():
        kept.append(word)
        if last in fold(word):
            break
    return " ".join(kept)
