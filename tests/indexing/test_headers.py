from __future__ import annotations

from dataclasses import replace

import pytest

from docent.indexing.headers import Header, Outline, clean_name, descriptive_name
from docent.types import Document, Heading, Line, Page

BOX = (0.0, 0.0, 1.0, 1.0)


def document(*pages, name="report.pdf", title=""):
    return Document(sha256="0" * 64, name=name, kind="pdf", pages=pages, title=title)


def outline_of(*pages):
    found = Outline()
    for page in pages:
        found.add(page)
    found.close("report")
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("AMCOR_2023Q4_EARNINGS.pdf", "AMCOR 2023 Q4 EARNINGS", id="quarter beside its year"),
        pytest.param(
            "FOOTLOCKER_2022_8K_dated-2022-05-20.pdf", "FOOTLOCKER 2022 8K dated 2022 05 20", id="date"
        ),
        pytest.param("InstallGuide.v2.docx", "Install Guide v2", id="camel case"),
        pytest.param("README", "README", id="no suffix"),
    ],
)
def test_clean_name(name, expected):
    """A file name becomes words that a question may share."""
    assert clean_name(name) == expected


@pytest.mark.parametrize(
    ("name", "title", "expected"),
    [
        pytest.param("scan0001.pdf", "Lease of the house", "Lease of the house", id="scanner's name"),
        pytest.param("d41d8cd98f00b204e9800998ecf8427e.pdf", "Minutes", "Minutes", id="hash"),
        pytest.param("lease.pdf", "Microsoft Word - draft7.doc", "lease", id="telling name wins"),
        pytest.param("scan0001.pdf", "untitled", "scan0001", id="neither says anything"),
    ],
)
def test_the_title_replaces_a_generic_name(name, title, expected):
    """The title is used where the file's name says nothing."""
    assert descriptive_name(document(name=name, title=title)) == expected


def test_a_section_continues_until_the_next():
    """A page without a heading belongs to the last heading before it."""
    pages = (
        Page(number=1, text="Leases\nbody", headings=(Heading(0, "Leases"),)),
        Page(number=2, text="more body"),
        Page(number=3, text="still leases\n" * 40 + "Pensions\nbody", headings=(Heading(520, "Pensions"),)),
        Page(number=4, text="pension body"),
    )
    outline = outline_of(*pages)
    assert outline.header(pages[1], 0).section == "Leases"
    assert outline.header(pages[2], 0).section == "Leases"
    assert outline.header(pages[2], 520).section == "Pensions"
    assert outline.header(pages[3], 0).section == "Pensions"


@pytest.mark.parametrize(
    ("heading", "header"),
    [
        pytest.param("Balance Shee t", "Balance Sheet", id="last letter"),
        pytest.param("R EPORT OF THE YEAR", "REPORT OF THE YEAR", id="small capitals"),
        pytest.param("Appendix B", "Appendix B", id="a letter of its own"),
        pytest.param("de l’eau", "de l’eau", id="small words"),
        pytest.param("Plan B Ridge", "Plan B Ridge", id="the part is a word as well"),
    ],
)
def test_a_torn_heading_is_joined(heading, header):
    """A torn letter is joined to its word where the document has the whole word elsewhere."""
    text = "sheet report bridge ridge del\n" * 5
    page = Page(number=1, text=f"{heading}\n{text}", headings=(Heading(0, heading),))
    assert outline_of(page).header(page, len(heading) + 1).section == header


def test_headings_come_from_every_source():
    """Headings come from the outline or else the type size, and in either case from the wording."""
    text = "Item 7. Shape of text\nLarge type\nOutline entry\nbody"
    lines = (Line(22, 32, BOX, "heading"),)
    outlined = Page(number=1, text=text, headings=(Heading(33, "Outline entry"),), lines=lines)
    large = Page(number=1, text=text, lines=lines)
    for page, sections in (
        (outlined, ["Item 7. Shape of text", "Item 7. Shape of text", "Outline entry"]),
        (large, ["Item 7. Shape of text", "Large type", "Large type"]),
    ):
        outline = outline_of(page)
        page = replace(page, text="\n" * 6 + text)  # far enough down that the page does not open with them
        assert [outline.header(page, start).section for start in (0, 22, 48)] == sections


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("governmental investigation by the authority", id="middle of a sentence"),
        pytest.param("Directors, who are not employees of the Company,", id="goes on after a comma"),
        pytest.param("Item 8. Financial Statements  47", id="entry of a table of contents"),
        pytest.param("Net sales  14,694  14,544", id="row of a table"),
    ],
)
def test_large_type_alone_makes_no_heading(line):
    """A line in larger type is a heading only if it reads like one."""
    page = Page(number=1, text=f"{line}\nbody", lines=(Line(0, len(line), BOX, "heading"),))
    assert outline_of(page).header(page, len(line) + 1).section == ""


def test_a_page_in_large_type_has_no_headings_by_size():
    """The lines of an annex in larger type than the report are text and not headings."""
    rows = [f"Clause of the annex {'abcdefghijkl'[n]}" for n in range(12)]
    starts = [sum(len(row) + 1 for row in rows[:n]) for n in range(12)]
    lines = tuple(
        Line(start, start + len(row), BOX, "heading") for start, row in zip(starts, rows, strict=True)
    )
    page = Page(number=1, text="\n".join(rows), lines=lines)
    assert outline_of(page).header(page, starts[9]).section == ""


@pytest.mark.parametrize(
    ("line", "is_section"),
    [
        pytest.param("Item 7. Management's Discussion and Analysis", True, id="annual report"),
        pytest.param("NOTE 12 – Leases", True, id="note"),
        pytest.param("Chapter 3: Getting started", True, id="chapter"),
        pytest.param("§ 14 Kündigung", True, id="paragraph of a law"),
        pytest.param("3.2 Installing The Server", True, id="numbered"),
        pytest.param(
            "Item 7. Management's Discussion .......... 31", False, id="line of a table of contents"
        ),
        pytest.param(
            "Note 12 explains in the usual way what was agreed and why the parties, " * 2, False, id="prose"
        ),
        pytest.param(
            "Item 8 of this Annual Report on Form 10-K.", False, id="prose that begins like an item"
        ),
        pytest.param("section 1.409A-3(i)(4).", False, id="reference"),
        pytest.param("Item 1A. Risk Factors.", True, id="with a full stop"),
        pytest.param("3.2 million people live here", False, id="figure in prose"),
    ],
)
def test_headings_are_recognised_by_their_wording(line, is_section):
    """Without outline or type sizes, the wording of a line decides whether it is a heading."""
    page = Page(number=1, text=f"{line}\nbody text follows here.")
    assert bool(outline_of(page).header(page, len(line) + 1).section) == is_section


def test_running_heads_are_not_headings():
    """A line at the top of every page names the file, not the page."""
    pages = tuple(
        Page(number=n, text=f"Acme Annual Report\nResults Of Region {'ABCDEFGH'[n]}\nbody")
        for n in range(1, 8)
    )
    outline = outline_of(*pages)
    assert outline.header(pages[2], 0).top == "Results Of Region D"


def test_headers_are_shortened_step_by_step():
    """No shortening is longer than the one before; the file's name goes last, then the line is empty."""
    header = Header("annual-report-" * 8, "Liquidity and capital " * 6, "Contents of it " * 6, "p. 12 " * 30)
    lengths = [len(line) for line in header.shortenings()]
    assert lengths == sorted(lengths, reverse=True)
    *_, last_but_one, last = header.shortenings()
    assert last_but_one.startswith("annual-report-")
    assert last == ""
