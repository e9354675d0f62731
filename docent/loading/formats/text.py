"""Plain text, Markdown and source code, in pages of lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docent.loading.job import Contents, InputFile, Job, StepReporter
from docent.loading.text_cleaning import decode_text, split_hidden
from docent.messages import Message
from docent.types import Heading, Page, ReadBy

ONE_PAGE_CHARS = 60_000  # an ordinary file stays one page; a reader can scroll that far
PAGE_LINES = 200
PAGE_CHARS = 12_000
NO_TEXT = Message("There is no text in it.")


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    text, note = decode_text(source)
    return Contents(pages=split_pages(text), note=note)


def split_pages(text: str, *, headings: tuple[Heading, ...] = (), hidden: str = "") -> Iterator[Page]:
    """Split a text into pages; no character is lost, and every page names its lines."""
    if len(text) <= ONE_PAGE_CHARS:
        yield _page(1, text, _line_range(1, len(text.splitlines()) or 1), headings, hidden)
        return
    breaks = sorted(heading.start for heading in headings)
    lines = text.splitlines(keepends=True)
    number, start, count = 1, 0, 0
    for first, last, chars in _page_slices(lines, breaks):
        length = sum(map(len, lines[first:last])) if chars is None else chars[1] - chars[0]
        page_text = text[start : start + length]
        own_headings = tuple(
            Heading(heading.start - start, heading.text, heading.level)
            for heading in headings
            if start <= heading.start < start + length
        )
        place = _line_range(first + 1, last)
        if chars is not None:
            place += f", characters {chars[0] + 1:,}–{chars[1]:,}"
        yield _page(number, page_text, place, own_headings, hidden if count == 0 else "")
        number, start, count = number + 1, start + length, count + 1


def _line_range(first: int, last: int) -> str:
    return f"lines {first:,}–{last:,}" if last > first else f"line {first:,}"


def _page(number: int, text: str, place: str, headings: tuple[Heading, ...], hidden: str) -> Page:
    visible, zero_width = split_hidden(text)
    if zero_width:
        # Positions move left by what was taken out before them.
        headings = tuple(
            Heading(len(split_hidden(text[: heading.start])[0]), heading.text, heading.level)
            for heading in headings
        )
    empty = not visible.strip()
    return Page(
        number=number,
        text=visible,
        place=place,
        read_by=ReadBy.EMPTY if empty else ReadBy.TEXT,
        note=NO_TEXT if empty else "",
        hidden=" ".join(filter(None, (hidden, zero_width))),
        headings=headings,
    )


PageSlice = tuple[int, int, tuple[int, int] | None]


def _page_slices(lines: list[str], breaks: list[int]) -> Iterator[PageSlice]:
    """Yield runs of lines (first, last) of about a page, or parts of a line that is longer than a page."""
    heading_positions = set(breaks)
    first, size, position = 0, 0, 0
    for index, line in enumerate(lines):
        full = size + len(line) > PAGE_CHARS or index - first >= PAGE_LINES
        # A heading in the second half of a page is a better end than the page's own.
        if index > first and (full or (position in heading_positions and size > PAGE_CHARS // 2)):
            yield first, index, None
            first, size = index, 0
        if len(line) > PAGE_CHARS:
            for start, end in _split_long_line(line):
                yield index, index + 1, (start, end)
            first, size = index + 1, 0
        else:
            size += len(line)
        position += len(line)
    if first < len(lines):
        yield first, len(lines), None


def _split_long_line(line: str) -> Iterator[tuple[int, int]]:
    """Yield the parts of a long line, cut at spaces where there are any."""
    start = 0
    while start < len(line):
        end = min(start + PAGE_CHARS, len(line))
        if end < len(line):
            space = line.rfind(" ", start + PAGE_CHARS // 2, end)
            end = space + 1 if space != -1 else end
        yield start, end
        start = end


FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
NOT_A_PARAGRAPH = re.compile(r"\s*$| {4,}|\t| {0,3}([-*+>]|\d+[.)])(\s|$)|\|")
FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)(---|\.\.\.)[ \t]*(\n|$)", re.DOTALL)
COMMENT = re.compile(r"<!--(.*?)(-->|$(?![\n\S]))", re.DOTALL)
MARKUP = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}")


def read_markdown(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    raw, note = decode_text(source)
    text, hidden = without_comments(raw)
    headings = tuple(find_headings(text))
    metadata = _front_matter(text)
    title = metadata.get("title") or next((heading.text for heading in headings if heading.level == 1), "")
    date = re.match(r"\d{4}-\d{2}-\d{2}", metadata.get("date", ""))
    return Contents(
        pages=split_pages(text, headings=headings, hidden=hidden),
        title=title,
        created=date[0] if date else "",
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
                if title := plain_heading(match[2] or ""):
                    yield Heading(position, title, len(match[1]))
            elif above and SETEXT.match(bare):
                underline = bare.strip()
                yield Heading(position - len(above), plain_heading(above), 1 if underline[0] == "=" else 2)
            above = "" if NOT_A_PARAGRAPH.match(line) or ATX.match(bare) or SETEXT.match(bare) else line
            position += len(line)


def plain_heading(text: str) -> str:
    """Return a heading without the markup of its emphasis and links."""
    return MARKUP.sub(lambda match: match[1] or "", text).strip()


def _front_matter(text: str) -> dict[str, str]:
    match = FRONT_MATTER.match(text)
    if not match:
        return {}
    pairs = re.findall(r"^(\w+):[ \t]*(.+?)[ \t]*$", match[1], re.MULTILINE)
    return {key.lower(): value.strip("\"'") for key, value in pairs}


CODE_PAGE_LINES = 80
MIN_CODE_PAGE_LINES = 20  # a page ends early at a definition, but not for every small function
# What a definition begins with in the languages that people keep beside their documents; the name
# is the first word after it. Methods are indented and count as headings of the second level.
DEFINITION = re.compile(
    r"(?P<indent>[ \t]{0,8})(?:@?(?:export|default|public|private|protected|internal|static|final|abstract|"
    r"async|pub(?:\([^)]*\))?|unsafe|open|override|sealed|data)\s+)*"
    r"(?P<keyword>def|class|interface|enum|struct|trait|impl|fn|func|function|fun|module|namespace|type|record|object|"
    r"create\s+(?:or\s+replace\s+)?(?:table|view|function|procedure))\s+(?P<name>(?:\([^)]*\)\s*)?[\w.:$<>]+)",
    re.IGNORECASE,
)
SECTION = re.compile(r"\[{1,2}([^\[\]\n]+)\]{1,2}\s*$")  # of .ini and .toml


def read_code(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    text, note = decode_text(source)
    return Contents(pages=_code_pages(text, source.suffix), note=note)


def _code_pages(text: str, suffix: str) -> Iterator[Page]:
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    definitions = {
        index: heading for index, line in enumerate(lines) if (heading := _definition(line, suffix))
    }
    number, first = 1, 0
    while first < len(lines) or number == 1:
        last = _code_page_end(lines, first, definitions)
        yield _code_page(number, lines[first:last], first, definitions)
        number, first = number + 1, last


def _definition(line: str, suffix: str) -> tuple[str, int] | None:
    if suffix in (".toml", ".ini", ".cfg") and (match := SECTION.match(line)):
        return match[1].strip(), 1
    if match := DEFINITION.match(line):
        return f"{match['keyword']} {match['name'].rstrip(':')}", 1 if not match["indent"] else 2
    return None


def _code_page_end(lines: list[str], first: int, definitions: dict[int, tuple[str, int]]) -> int:
    """Return where the page that begins at line `first` ends: at a definition, else at a blank line."""
    last, chars = first, 0
    while last < len(lines) and last - first < CODE_PAGE_LINES and (last == first or chars < PAGE_CHARS):
        chars += len(lines[last]) + 1
        last += 1
    if last == len(lines):
        return last
    for max_level in (1, 2):
        for index in range(last, first + MIN_CODE_PAGE_LINES, -1):
            if index in definitions and definitions[index][1] <= max_level:
                return index
    return next(
        (index for index in range(last, first + MIN_CODE_PAGE_LINES, -1) if not lines[index].strip()), last
    )


def _code_page(number: int, lines: list[str], first: int, definitions: dict[int, tuple[str, int]]) -> Page:
    parts: list[str] = []
    headings: list[Heading] = []
    hidden: list[str] = []
    position = 0
    for index, line in enumerate(lines, first):
        visible, invisible = split_hidden(line)
        hidden += [invisible] if invisible else []
        if index in definitions:
            title, level = definitions[index]
            headings.append(Heading(position + len(visible) - len(visible.lstrip()), title, level))
        parts.append(visible)
        position += len(visible) + 1
    text = "\n".join(parts)
    return Page(
        number=number,
        text=text,
        place=_line_range(first + 1, first + len(lines)),
        read_by=ReadBy.TEXT if text.strip() else ReadBy.EMPTY,
        note="" if text.strip() else NO_TEXT,
        hidden=" ".join(hidden),
        headings=tuple(headings),
    )
