"""Subtitles (SRT), one page for each."""

from collections.abc import Iterator

from docent.loading.job import Contents, InputFile, Job, StepReporter
from docent.loading.text_cleaning import decode_text
from docent.types import Page


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    text, note = decode_text(source)
    return Contents(pages=_pages(text), note=note)


def _pages(text: str) -> Iterator[Page]:
    for number, block in enumerate(text.strip().split("\n\n"), 1):
        _, time, *lines = block.splitlines()
        yield Page(number=number, text="\n".join(lines), place=time.split(" --> ")[0])
