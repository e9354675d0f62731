"""RTF: paragraphs under their headings, hidden text apart."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import groupby

from striprtf.striprtf import rtf_to_text

from docent.loading.formats.section_pages import Block, clean_blocks, main_heading, split_into_pages
from docent.loading.formats.table_rows import table_lines
from docent.loading.job import Contents, InputFile, Job, StepReporter

# striprtf returns plain text. What it would drop is first written into the text as private-use characters.
HIDE, SHOW, HEADING = 0xE100, 0xE101, 0xE110
CONTROL = re.compile(
    r"\\(?:(?P<word>v|plain|pard|cf|fs|outlinelevel|s)(?P<value>-?\d+)?(?![a-z\d]) ?|[^a-z])|[{}]",
    re.IGNORECASE,
)
PICTURE_DATA = re.compile(r"[0-9a-fA-F\s]{512,}")
HEADING_STYLE = re.compile(r"\{\\s(\d+)[^{}]*?\bheading (\d)[^{}]*;\}", re.IGNORECASE)
COLOURS = re.compile(r"\{\\colortbl([^{}]*)\}")
CREATED = re.compile(r"\\creatim\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})")
TITLE = re.compile(r"\{\\title ((?:[^{}]|\\'..)*)\}")
HEADING_MARKS = re.compile(f"[{chr(HEADING)}-{chr(HEADING + 8)}]")
TINY = 4  # half-points


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    raw = _decode(source.read_all())
    text = _text(_with_marks(raw))
    blocks = clean_blocks(_blocks(text))
    title = TITLE.search(raw)
    created = CREATED.search(raw)
    return Contents(
        pages=split_into_pages(blocks, first=1),
        title=_text(f"{{{title[1]}}}").strip() if title else main_heading(blocks),
        created="-".join(part.zfill(2) for part in created.groups()) if created else "",
    )


def _text(raw: str) -> str:
    """Return the plain text, with the surrogate pairs that RTF writes joined."""
    halves: str = rtf_to_text(raw, errors="replace")
    return halves.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _decode(data: bytes) -> str:
    """Decode the file: ASCII by the rules of RTF, other bytes in the code page that it names."""
    code_page = re.search(rb"\\ansicpg(\d+)", data[:1000])
    encoding = f"cp{code_page[1].decode()}" if code_page else "cp1252"
    try:
        codecs.lookup(encoding)
    except LookupError:
        encoding = "cp1252"
    return PICTURE_DATA.sub("", data.decode(encoding, "replace"))


def _with_marks(raw: str) -> str:
    """Return the document with marks where hidden text begins and ends, and at headings."""
    raw = re.sub(r"\\footnote\b ?", " — ", raw)  # kept, at the place where it belongs
    levels = {number: int(level) - 1 for number, level in HEADING_STYLE.findall(raw)}
    white_number = _white_colour_number(raw)
    out: list[str] = []
    position = 0
    state = (False, False, False)  # by \v, by colour, by size
    stack: list[tuple[bool, bool, bool]] = []
    for match in CONTROL.finditer(raw):
        word, value = match["word"], match["value"] or ""
        if match[0] == "{":
            stack.append(state)
            continue
        if match[0] == "}":
            new_state = stack.pop() if stack else state
        elif word is None:
            continue
        else:
            if word == "outlinelevel" or (word == "s" and value in levels):
                level = levels[value] if word == "s" else int(value or 9)
                if 0 <= level <= 8:
                    out += raw[position : match.end()], _mark(HEADING + level)
                    position = match.end()
            new_state = _next_state(state, word, value, white_number)
        if any(new_state) != any(state):
            inside = match[0] == "}"  # the mark goes before the brace, the change after the control word
            cut = match.start() if inside else match.end()
            out += raw[position:cut], _mark(HIDE if any(new_state) else SHOW)
            position = cut
        state = new_state
    return "".join(out) + raw[position:]


def _next_state(
    state: tuple[bool, bool, bool], word: str, value: str, white_number: str
) -> tuple[bool, bool, bool]:
    hidden, is_white, tiny = state
    match word:
        case "v":
            return value != "0", is_white, tiny
        case "cf":
            return hidden, bool(white_number) and value == white_number, tiny
        case "fs":
            return hidden, is_white, value.isdigit() and int(value) < TINY
        case "plain":
            return False, False, False
        case _:
            return state


def _white_colour_number(raw: str) -> str:
    """Return the number of the colour white, or "" where the document paints something behind its text."""
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
    """Yield lines as paragraphs; those that end in a bar are rows of a table."""
    hidden = False
    lines: list[Block] = []
    for line in text.split("\n"):
        visible: list[str] = []
        hidden_parts: list[str] = []
        for part in re.split(f"([{chr(HIDE)}{chr(SHOW)}])", line):
            if part in (chr(HIDE), chr(SHOW)):
                hidden = part == chr(HIDE)
            else:
                (hidden_parts if hidden else visible).append(HEADING_MARKS.sub("", part))
        mark = HEADING_MARKS.search(line)
        visible_text = "".join(visible)
        level = ord(mark[0]) - HEADING + 1 if mark and visible_text.strip() else 0
        lines.append(Block(visible_text.strip(), level=level, hidden=" ".join(hidden_parts)))
    for is_table, run in groupby(lines, key=lambda block: block.text.endswith("|")):
        if not is_table:
            yield from run
            continue
        rows = list(run)
        for row in table_lines([block.text.split("|") for block in rows]):
            yield Block(row, tight=True)
        if hidden_cells := " ".join(block.hidden for block in rows if block.hidden):
            yield Block("", hidden=hidden_cells)
