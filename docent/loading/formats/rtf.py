"""Rich text: paragraphs under their headings, what is hidden apart."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import groupby

from striprtf.striprtf import rtf_to_text

from docent.loading.formats.section_pages import Block, pages, tidy, title_of
from docent.loading.formats.table_rows import as_lines
from docent.loading.input_file import Source
from docent.loading.job import Contents, Job, Watch

# striprtf gives text alone. What it would forget is written into the text as private characters first.
HIDE, SHOW, HEADING = 0xE100, 0xE101, 0xE110
CONTROL = re.compile(
    r"\\(?:(?P<word>v|plain|pard|cf|fs|outlinelevel|s)(?P<value>-?\d+)?(?![a-z\d]) ?|[^a-z])|[{}]",
    re.IGNORECASE,
)
PICTURE = re.compile(r"[0-9a-fA-F\s]{512,}")
STYLE = re.compile(r"\{\\s(\d+)[^{}]*?\bheading (\d)[^{}]*;\}", re.IGNORECASE)
COLOURS = re.compile(r"\{\\colortbl([^{}]*)\}")
CREATED = re.compile(r"\\creatim\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})")
TITLE = re.compile(r"\{\\title ((?:[^{}]|\\'..)*)\}")
MARKS = re.compile(f"[{chr(HEADING)}-{chr(HEADING + 8)}]")
TINY = 4  # half-points


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    raw = _decoded(source.whole())
    text = _text(_marked(raw))
    blocks = tidy(_blocks(text))
    title = TITLE.search(raw)
    created = CREATED.search(raw)
    return Contents(
        pages=pages(blocks, first=1),
        title=_text(f"{{{title[1]}}}").strip() if title else title_of(blocks),
        created="-".join(part.zfill(2) for part in created.groups()) if created else "",
    )


def _text(raw: str) -> str:
    """What it says; RTF writes what lies beyond the first 65,536 characters as two halves."""
    halves: str = rtf_to_text(raw, errors="replace")
    return halves.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decoded(data: bytes) -> str:
    """RTF is ASCII by its own rules; bytes beyond are in the alphabet that it names."""
    page = re.search(rb"\\ansicpg(\d+)", data[:1000])
    encoding = f"cp{page[1].decode()}" if page else "cp1252"
    try:
        codecs.lookup(encoding)
    except LookupError:
        encoding = "cp1252"
    return PICTURE.sub("", data.decode(encoding, "replace"))


def _marked(raw: str) -> str:
    """The same document with marks where hidden text begins and ends, and at headings."""
    raw = re.sub(r"\\footnote\b ?", " — ", raw)  # kept, at the place where it belongs
    levels = {number: int(level) - 1 for number, level in STYLE.findall(raw)}
    white = _white(raw)
    out: list[str] = []
    at = 0
    state = (False, False, False)  # by \v, by colour, by size
    stack: list[tuple[bool, bool, bool]] = []
    for match in CONTROL.finditer(raw):
        word, value = match["word"], match["value"] or ""
        if match[0] == "{":
            stack.append(state)
            continue
        if match[0] == "}":
            new = stack.pop() if stack else state
        elif word is None:
            continue
        else:
            if word == "outlinelevel" or (word == "s" and value in levels):
                level = levels[value] if word == "s" else int(value or 9)
                if 0 <= level <= 8:
                    out += raw[at : match.end()], _mark(HEADING + level)
                    at = match.end()
            new = _changed(state, word, value, white)
        if any(new) != any(state):
            inside = match[0] == "}"  # the mark goes before the brace, the change after the control word
            cut = match.start() if inside else match.end()
            out += raw[at:cut], _mark(HIDE if any(new) else SHOW)
            at = cut
        state = new
    return "".join(out) + raw[at:]


def _changed(state: tuple[bool, bool, bool], word: str, value: str, white: str) -> tuple[bool, bool, bool]:
    hidden, pale, tiny = state
    match word:
        case "v":
            return value != "0", pale, tiny
        case "cf":
            return hidden, bool(white) and value == white, tiny
        case "fs":
            return hidden, pale, value.isdigit() and int(value) < TINY
        case "plain":
            return False, False, False
        case _:
            return state


def _white(raw: str) -> str:
    """The number of the colour white, unless the document paints something behind its text."""
    table = COLOURS.search(raw)
    if table is None or re.search(r"\\(?:highlight|chcbpat|cb|clcbpat|cbpat)[1-9]", raw):
        return ""
    for number, colour in enumerate(table[1].split(";")):
        if re.search(r"\\red255\b", colour) and re.search(r"\\green255\b", colour) and "\\blue255" in colour:
            return str(number)
    return ""


def _mark(code: int) -> str:
    return f"{{\\uc1\\u{code}?}}"


def _blocks(text: str) -> Iterator[Block]:
    """Lines as paragraphs; those that end in a bar are a table's rows."""
    hidden = False
    lines: list[Block] = []
    for line in text.split("\n"):
        seen: list[str] = []
        unseen: list[str] = []
        for part in re.split(f"([{chr(HIDE)}{chr(SHOW)}])", line):
            if part in (chr(HIDE), chr(SHOW)):
                hidden = part == chr(HIDE)
            else:
                (unseen if hidden else seen).append(MARKS.sub("", part))
        mark = MARKS.search(line)
        said = "".join(seen)
        level = ord(mark[0]) - HEADING + 1 if mark and said.strip() else 0
        lines.append(Block(said.strip(), level=level, hidden=" ".join(unseen)))
    for tabular, run in groupby(lines, key=lambda block: block.text.endswith("|")):
        if not tabular:
            yield from run
            continue
        rows = list(run)
        for row in as_lines([block.text.split("|") for block in rows]):
            yield Block(row, tight=True)
        if unseen_cells := " ".join(block.hidden for block in rows if block.hidden):
            yield Block("", hidden=unseen_cells)
