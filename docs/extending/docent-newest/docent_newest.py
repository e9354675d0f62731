"""Passages of files that name a year come first, the newest year at the top."""

import re
from collections.abc import Sequence

from docent.types import Passage


def newest_first(question: str, passages: Sequence[Passage]) -> list[Passage]:
    return sorted(passages, key=_year, reverse=True)


def _year(passage: Passage) -> int:
    return max(map(int, re.findall(r"20\d\d", passage.file)), default=0)
