"""What other rooms say to a reader, in French; they speak English, and know no reader's language.

A sentence with gaps is known again by its words. One that is not in the table stays as it is.
"""

from __future__ import annotations

import re
from functools import cache

from docent.types import Answer
from docent.web.i18n.french_texts import KINDS, SENTENCES
from docent.web.i18n.texts import speaks

UNGROUNDED = "**Not from your documents.**"


def spoken(text: str, language: str | None) -> str:
    """A sentence of another room in a reader's language."""
    return french(text) if speaks(language) == "fr" else text


def spoken_answer(answer: Answer, language: str | None) -> str:
    """An answer, as far as Docent itself says it; what a model or a document says stays as it is."""
    if answer.receipt.model:
        return spoken(answer.text, language) if answer.text.startswith(UNGROUNDED) else answer.text
    return "\n\n".join(spoken(paragraph, language) for paragraph in answer.text.split("\n\n"))


def french(text: str) -> str:
    for pattern, template in _patterns():
        if found := pattern.fullmatch(text):
            gaps = {name: KINDS.get(said, said) for name, said in found.groupdict().items()}
            if "more" in gaps:
                gaps["more"] = french(gaps["more"])
            return template.format(**gaps)
    return text


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The longest first: the more words a sentence is known by, the surer it is."""
    ordered = sorted(SENTENCES, key=lambda english: -len(re.sub(r"\{\w+\}", "", english)))
    return [(_pattern(english), SENTENCES[english]) for english in ordered]


def _pattern(english: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", english)
    known = [re.escape(part) if n % 2 == 0 else f"(?P<{part}>.+?)" for n, part in enumerate(parts)]
    return re.compile("".join(known), re.DOTALL)
