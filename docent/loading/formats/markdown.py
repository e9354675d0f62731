"""Markdown: its source text with its headings; comments count as hidden text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docent.loading.formats.text import split_pages
from docent.loading.input_file import InputFile, decode_text
from docent.loading.job import Contents, Job, StepReporter
from docent.types import Heading

FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
NOT_A_PARAGRAPH = re.compile(r"\s*$| {4,}|\t| {0,3}([-*+>]|\d+[.)])(\s|$)|\|")
FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)(---|\.\.\.)[ \t]*(\n|$)", re.DOTALL)
COMMENT = re.compile(r"<!--(.*?)(-->|$(?![\n\S]))", re.DOTALL)
MARKUP = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    raw, note = decode_text(source)
    text, hidden = without_comments(raw)
    headings = tuple(find_headings(text))
    metadata = _front_matter(text)
    title = metadata.get("title") or next((heading.text for heading in headings if heading.level == 1), "")
    return Contents(
        pages=split_pages(text, headings=headings, hidden=hidden),
        title=title,
        created=_iso(metadata.get("date", "")),
        language=metadata.get("lang", "")[:2].lower(),
        note=note,
    )


def without_comments(text: str) -> tuple[str, str]:
    """Return the text without its comments, and the comments; those in code blocks stay."""
    if "<!--" not in text:
        return text, ""
    hidden: list[str] = []
    out: list[str] = []
    position = 0
    for start, end in _prose(text):
        out.append(text[position:start])

        def keep(match: re.Match[str]) -> str:
            hidden.append(match[1].strip())
            return "\n" * match[0].count("\n")  # so that lines keep their numbers

        out.append(COMMENT.sub(keep, text[start:end]))
        position = end
    return "".join(out) + text[position:], "\n".join(filter(None, hidden))


def _prose(text: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of the text outside fenced code."""
    position, start, fence = 0, 0, ""
    for line in text.splitlines(keepends=True):
        match = FENCE.match(line)
        if match and not fence:
            yield start, position
            fence = match[1]
        elif match and fence and match[1].startswith(fence) and not line[match.end() :].strip():
            fence, start = "", position + len(line)
        position += len(line)
    if not fence:
        yield start, position


def find_headings(text: str) -> Iterator[Heading]:
    """Yield headings of both kinds (# and underlined), but none in code or front matter."""
    front_matter = FRONT_MATTER.match(text)
    body_start = front_matter.end() if front_matter else 0
    for start, end in _prose(text):
        if end <= body_start:
            continue
        position, above = max(start, body_start), ""
        for line in text[position:end].splitlines(keepends=True):
            bare = line.rstrip("\n")
            if match := ATX.match(bare):
                if title := plain(match[2] or ""):
                    yield Heading(position, title, len(match[1]))
            elif above and SETEXT.match(bare):
                underline = bare.strip()
                yield Heading(position - len(above), plain(above), 1 if underline[0] == "=" else 2)
            above = "" if NOT_A_PARAGRAPH.match(line) or ATX.match(bare) or SETEXT.match(bare) else line
            position += len(line)


def plain(text: str) -> str:
    """Return a heading without the markup of its emphasis and links."""
    return MARKUP.sub(lambda match: match[1] or "", text).strip()


def _front_matter(text: str) -> dict[str, str]:
    match = FRONT_MATTER.match(text)
    if not match:
        return {}
    pairs = re.findall(r"^(\w+):[ \t]*(.+?)[ \t]*$", match[1], re.MULTILINE)
    return {key.lower(): value.strip("\"'") for key, value in pairs}


def _iso(date: str) -> str:
    match = re.match(r"\d{4}-\d{2}-\d{2}", date)
    return match[0] if match else ""
