"""Passages for tests, cut from a page whose text the test knows."""

from __future__ import annotations

from docent.glossary import Passage

PAGE = (
    "Opening hours\n\nThe museum opens at 9:30 and closes at 18:00. On Thursdays it stays open until 21:00.\n"
    "Admission is 12.50 euro; children under twelve enter free.\n\nThe café on the roof serves soup and cake."
)


def passage(
    text: str = PAGE, *, start: int = 0, n: int = 1, header: str = "museum | Opening hours"
) -> Passage:
    return Passage(
        chunk_id=f"c{n}", document_id=f"d{n}", file=f"museum{n}.pdf", library="l", page=3, page_label="",
        place="p. 3", heading="Opening hours", header=header, text=text, start=start, end=start + len(text),
        score=1.0 / n,
    )  # fmt: skip
