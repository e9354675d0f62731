"""Damaged and hostile files: each is refused by name or read in part, and costs no other file."""

from __future__ import annotations

import io
import json
import struct
import time
import zipfile

import pytest
from pypdf import PdfWriter
from pypdf.generic import (
    ArrayObject,
    ByteStringObject,
    DictionaryObject,
    NameObject,
    NumberObject,
    StreamObject,
)

from docent.errors import HarmfulFile, LoadError, UnreadableFile
from docent.loading import Limits, Loader, Ocr
from tests.loading import makers, offices
from tests.loading.test_formats import FILES

BILLION_LAUGHS = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "ha">{}]>'.format(
    "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
)


OUTSIDE = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'


PARTS = {
    "a.docx": (offices.word(), "word/document.xml"),
    "a.pptx": (offices.slides(), "ppt/slides/slide1.xml"),
    "a.xlsx": (offices.workbook(), "xl/worksheets/sheet1.xml"),
    "a.odt": (offices.writer(), "content.xml"),
    "a.ods": (offices.sheets(), "content.xml"),
    "a.epub": (offices.book(), "OEBPS/text/c1.xhtml"),
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("declared", [BILLION_LAUGHS, OUTSIDE], ids=["billion laughs", "a file from outside"])
def test_xml_that_declares_entities_is_refused(read, name, declared):
    """XML entities that expand or fetch are refused in every zipped format."""
    package, part = PARTS[name]
    with pytest.raises(HarmfulFile, match=rf"a\.\w+ declares XML entities in {part}"):
        read(name, offices.with_part(package, part, f"{declared}<a>&l9;&x;</a>"))


def test_an_old_book_that_declares_nbsp_is_read(read):
    """A chapter that declares &nbsp; for itself, as old e-books do, is read."""
    chapter = (
        '<!DOCTYPE html [<!ENTITY nbsp "&#160;">]><html><body><h1>The Shore</h1><p>Gulls&nbsp;wheel.</p>'
    )
    pages = read("a.epub", offices.with_part(offices.book(), "OEBPS/text/c1.xhtml", chapter)).pages
    assert pages[0].text == "The Shore\n\nGulls wheel."


@pytest.mark.parametrize("name", PARTS)
def test_a_zip_bomb_is_refused_before_it_is_unpacked(name, tmp_path):
    """A small file that expands to more than the limit is refused at once."""
    package, _ = PARTS[name]
    bomb = offices.with_part(package, "word/media/bomb.bin", b"\0" * 30_000_000)
    assert len(bomb) < 100_000
    (tmp_path / name).write_bytes(bomb)
    with Loader(limits=Limits(expanded_bytes=20_000_000), ocr=Ocr(engine="off"), workers=1) as loader:
        with pytest.raises(HarmfulFile, match=r"expands to 3[01] MB; at most 20 MB are unpacked"):
            loader.load(tmp_path / name)


def test_the_default_limits_refuse_a_zip_bomb(read):
    """Many entries that declare gigabytes in a few kilobytes are refused by the default limits."""
    parts = {f"word/{number}.xml": b"\0" * 10_000_000 for number in range(3)}
    data = bytearray(offices.zipped({"[Content_Types].xml": "<Types/>", **parts}))
    at = data.index(b"PK\1\2")
    while data[at : at + 4] == b"PK\1\2":
        data[at + 24 : at + 28] = struct.pack("<I", 2_000_000_000)
        name, extra, comment = struct.unpack("<HHH", data[at + 28 : at + 34])
        at += 46 + name + extra + comment
    assert len(data) < 100_000
    with pytest.raises(HarmfulFile, match=r"expands to 8,000 MB; at most 600 MB"):
        read("a.docx", bytes(data))


def test_a_zip_entry_larger_than_declared_is_cut_off(read):
    """An entry that unpacks to more than the container declares is refused without a crash."""
    data = bytearray(offices.with_part(offices.word(), "word/document.xml", b"<a>" + b" " * 50_000_000))
    at = data.rindex(b"word/document.xml") - 46
    assert data[at : at + 4] == b"PK\1\2"
    data[at + 24 : at + 28] = struct.pack("<I", 1000)
    with pytest.raises(LoadError, match=r"a\.docx"):
        read("a.docx", bytes(data))


def test_too_many_zip_entries_are_refused(tmp_path):
    """A container with more entries than the limit is refused."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(2_000):
            archive.writestr(f"word/{number}.xml", "")
    (tmp_path / "many.docx").write_bytes(out.getvalue())
    with Loader(limits=Limits(zip_entries=1_000), ocr=Ocr(engine="off"), workers=1) as loader:
        with pytest.raises(
            HarmfulFile, match=r"many\.docx holds 2,000 files inside; at most 1,000 are opened"
        ):
            loader.load(tmp_path / "many.docx")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        pytest.param(
            "deep.docx",
            offices.with_part(
                offices.word(),
                "word/document.xml",
                '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
                + "<w:tbl><w:tr><w:tc>" * 5_000,
            ),
            id="tables in tables",
        ),
        pytest.param("deep.html", b"<!DOCTYPE html>" + b"<div>" * 5_000 + b"x", id="boxes in boxes"),
        pytest.param("deep.json", b'{"a":' * 50_000 + b"1" + b"}" * 50_000, id="objects in objects"),
        pytest.param("deep.rtf", b"{\\rtf1 " + b"{" * 100_000 + b"x", id="groups in groups"),
        pytest.param(
            "deep.eml",
            b"From: a\nTo: b\nSubject: c\n"
            + b"".join(
                b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3_000)
            ),
            id="parts in parts",
        ),
    ],
)
def test_deep_nesting_is_read_or_refused(read, name, data):
    """A deeply nested file is read, or refused by name."""
    try:
        assert read(name, data).pages
    except LoadError as error:
        assert name in str(error)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_file_does_not_crash(read, name, part):
    """Part of a file is read as far as it goes, or refused by name."""
    data = FILES[name]
    try:
        assert read(name, data[: int(len(data) * part)]).pages
    except LoadError as error:
        assert name in str(error)


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_wrong_bytes_does_not_crash(read, name):
    """A file with some wrong bytes is read as far as it goes, or refused by name."""
    data = bytearray(FILES[name])
    for at in range(len(data) // 3, 2 * len(data) // 3, 7):
        data[at] ^= 0x55
    try:
        assert read(name, bytes(data)).pages
    except LoadError as error:
        assert name in str(error)


def damaged_inside():
    """Return a Word file with a whole container and a wrongly compressed text."""
    data = bytearray(offices.word())
    at = data.index(b"word/document.xml") + len("word/document.xml") + 4
    data[at : at + 60] = b"\xff" * 60
    return bytes(data)


def test_an_entry_that_cannot_be_unpacked_is_reported_as_damage(read):
    """The error says that the ZIP container is damaged."""
    with pytest.raises(UnreadableFile, match=r"a\.docx is damaged: its ZIP container cannot be opened"):
        read("a.docx", damaged_inside())


HALF = "\ud83d"  # of a smiling face, as where a program cut a title


CUT = HALF.encode("utf-16-be", "surrogatepass")


def names_cut_within_a_character():
    """Return a PDF whose title, outline and page labels end within a character."""
    writer = PdfWriter()
    writer.append(io.BytesIO(makers.pdf(lambda sheet, number: makers.write(sheet, ["All is well."]))))
    half = ByteStringObject(b"\xfe\xff" + "Fun ".encode("utf-16-be") + CUT)
    writer.add_metadata({"/Title": ""})
    writer._info.get_object()[NameObject("/Title")] = half
    writer.add_outline_item(title="x", page_number=0).get_object()[NameObject("/Title")] = half
    label = DictionaryObject({NameObject("/P"): half})
    writer.root_object[NameObject("/PageLabels")] = DictionaryObject(
        {NameObject("/Nums"): ArrayObject([NumberObject(0), label])}
    )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        pytest.param("a.pdf", names_cut_within_a_character, "All is well.", id="a title"),
        pytest.param(
            "a.json",
            lambda: json.dumps({"title": f"Fun {HALF}", "a": f"b{HALF}c"}).encode(),
            "b\ufffdc",
            id="JSON",
        ),
        pytest.param(
            "a.rtf", lambda: offices.rich(r"\pard Fun\u-10179?, all of it.\par"), "Fun\ufffd,", id="RTF"
        ),
    ],
)
def test_half_a_surrogate_pair_is_replaced(read, name, make, said):
    """The rest of the file is read, and no lone surrogate is left: tokenizers reject them."""
    document = read(name, make())
    assert said in document.pages[0].text
    repr(document).encode()


def test_an_emoji_in_rtf_moves_no_heading(read):
    """RTF writes an emoji as two halves; it becomes one character, and headings keep their positions."""
    face = r"\u-10179?\u-8704?"
    body = rf"\pard {face} {face}\par\pard\s1\outlinelevel0 Leave\par\pard Days.\par"
    pages = read("a.rtf", offices.rich(body)).pages
    assert "\U0001f600 \U0001f600" in pages[0].text
    for page in pages:
        for heading in page.headings:
            assert page.text[heading.start :].startswith(heading.text)


@pytest.mark.parametrize("name", PARTS)
def test_a_package_without_its_main_part_is_refused(read, name):
    """An Office file or e-book whose main part is missing is refused by name."""
    package, _ = PARTS[name]
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        parts = {
            one: archive.read(one)
            for one in archive.namelist()
            if one not in ("word/document.xml", "ppt/presentation.xml", "xl/workbook.xml", "content.xml")
            and not one.endswith(".opf")
        }
    with pytest.raises(LoadError, match=rf"a\.{name.split('.')[1]}"):
        read(name, offices.zipped(parts))


def with_contents(contents):
    """Return a page with the given content stream, compressed."""
    writer = PdfWriter()
    page = writer.add_blank_page(200, 200)
    stream = StreamObject()
    stream.set_data(contents)
    page[NameObject("/Contents")] = writer._add_object(stream.flate_encode())
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def one_page_named_100_000_times():
    """Return one page that the page tree names a hundred thousand times."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    tree = writer.root_object["/Pages"]
    tree[NameObject("/Kids")] = ArrayObject([tree["/Kids"][0]] * 100_000)
    tree[NameObject("/Count")] = NumberObject(100_000)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def circular_page_tree():
    """Return a page tree whose child is the tree itself."""
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    tree = writer.root_object["/Pages"]
    tree[NameObject("/Kids")] = ArrayObject([writer.root_object.raw_get("/Pages")])
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def recursive_form():
    """Return a drawing that draws itself."""
    writer = PdfWriter()
    page = writer.add_blank_page(200, 200)
    form = StreamObject()
    form.set_data(b"/Me Do /Me Do")
    form.update({NameObject("/Type"): NameObject("/XObject"), NameObject("/Subtype"): NameObject("/Form")})
    form[NameObject("/BBox")] = ArrayObject([NumberObject(edge) for edge in (0, 0, 200, 200)])
    own = writer._add_object(form)
    names = DictionaryObject({NameObject("/XObject"): DictionaryObject({NameObject("/Me"): own})})
    form[NameObject("/Resources")] = page[NameObject("/Resources")] = names
    stream = StreamObject()
    stream.set_data(b"/Me Do")
    page[NameObject("/Contents")] = writer._add_object(stream)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


TRAPS = {
    "a gigabyte in one page": lambda: with_contents(b"0 0 m 1 1 l " * 20_000_000),
    "800,000 operators": lambda: with_contents(b"BT /F1 9 Tf (a) Tj ET " * 160_000),
    "deep nesting": lambda: with_contents(b"[" * 400_000 + b"]" * 400_000 + b" TJ"),
    "a hundred thousand pages": one_page_named_100_000_times,
    "ten metres wide": lambda: makers.pdf(lambda sheet, number: None, size=(60_000, 60_000)),
    "a tree that bites its tail": circular_page_tree,
    "a form that draws itself": recursive_form,
}


@pytest.mark.parametrize("make", TRAPS.values(), ids=list(TRAPS))
def test_a_hostile_pdf_costs_only_itself(tmp_path, make):
    """Each is read in part or refused by name, within time and memory, and the next file is read."""
    (tmp_path / "trap.pdf").write_bytes(make())
    (tmp_path / "good.txt").write_text("All is well.")
    limits = Limits(memory_bytes=900_000_000, page_seconds=6, file_seconds=15)
    with Loader(limits=limits, ocr=Ocr(engine="off"), workers=1) as loader:
        begun = time.monotonic()
        try:
            document = loader.load(tmp_path / "trap.pdf")
        except LoadError as error:
            assert "trap.pdf" in str(error)
        else:
            assert all(page.note for page in document.pages if not page.text)
        assert time.monotonic() - begun < 40
        assert loader.load(tmp_path / "good.txt").pages[0].text == "All is well."


def test_a_pdf_bomb_costs_only_itself(tmp_path):
    """A small PDF that expands to gigabytes is refused or read in part, and the next file is read."""
    writer = PdfWriter()
    page = writer.add_blank_page(200, 200)
    writer.write(tmp_path / "bomb.pdf")
    from pypdf.generic import NameObject, StreamObject

    stream = StreamObject()
    stream.set_data(b"0 0 m 1 1 l " * 30_000_000)
    page[NameObject("/Contents")] = writer._add_object(stream.flate_encode())
    writer.write(tmp_path / "bomb.pdf")
    (tmp_path / "good.txt").write_text("All is well.")
    limits = Limits(memory_bytes=700_000_000, page_seconds=5, file_seconds=10)
    with Loader(limits=limits, ocr=Ocr(engine="off"), workers=1) as loader:
        try:
            document = loader.load(tmp_path / "bomb.pdf")
            assert document.unread
        except HarmfulFile as error:
            assert "bomb.pdf" in str(error)
        assert loader.load(tmp_path / "good.txt").pages[0].text == "All is well."
