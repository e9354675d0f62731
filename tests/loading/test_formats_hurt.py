"""What is broken, locked or made to do harm ends with its sentence, and nothing else is hurt."""

from __future__ import annotations

import io
import json
import struct
import zipfile

import pytest
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, ByteStringObject, DictionaryObject, NameObject, NumberObject

from docent.errors import EncryptedFile, HarmfulFile, LoadError, UnreadableFile, UnsupportedFile
from docent.loading import Limits, Loader, Ocr
from tests.loading import makers, offices
from tests.loading.test_formats import FILES

LAUGHS = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY l0 "ha">{}]>'.format(
    "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
PARTS = {
    "a.docx": (offices.word(), "word/document.xml"),
    "a.pptx": (offices.slides(), "ppt/slides/slide1.xml"),
    "a.xlsx": (offices.workbook(), "xl/worksheets/sheet1.xml"),
    "a.odt": (offices.writer(), "content.xml"),
    "a.epub": (offices.book(), "OEBPS/text/c1.xhtml"),
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("declared", [LAUGHS, OUTSIDE], ids=["billion laughs", "a file from outside"])
def test_xml_that_declares_entities_is_refused(read, name, declared):
    """Entities that expand or fetch are refused in every zipped format, and nothing is fetched."""
    package, part = PARTS[name]
    with pytest.raises(HarmfulFile, match=rf"a\.\w+ declares entities of its own in {part}"):
        read(name, offices.with_part(package, part, f"{declared}<a>&l9;&x;</a>"))


def test_an_older_book_may_name_its_space(read):
    """A chapter that declares &nbsp; for itself, as old books do, is read."""
    chapter = (
        '<!DOCTYPE html [<!ENTITY nbsp "&#160;">]><html><body><h1>The Shore</h1><p>Gulls&nbsp;wheel.</p>'
    )
    pages = read("a.epub", offices.with_part(offices.book(), "OEBPS/text/c1.xhtml", chapter)).pages
    assert pages[0].text == "The Shore\n\nGulls wheel."


@pytest.mark.parametrize("name", PARTS)
def test_a_bomb_is_refused_before_it_is_unpacked(name, tmp_path):
    """A small file that expands to more than the limit is refused at once."""
    package, _ = PARTS[name]
    bomb = offices.with_part(package, "word/media/bomb.bin", b"\0" * 30_000_000)
    assert len(bomb) < 100_000
    (tmp_path / name).write_bytes(bomb)
    with Loader(limits=Limits(expanded_bytes=20_000_000), ocr=Ocr(engine="off"), workers=1) as loader:
        with pytest.raises(HarmfulFile, match=r"expands to 3[01] MB; at most 20 MB are unpacked"):
            loader.load(tmp_path / name)


def test_gigabytes_in_a_few_kilobytes(read):
    """The classic bomb, many names for one stream of zeros, is refused by the limits that ship."""
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


def test_a_bomb_that_lies_about_its_size(read):
    """A part that unpacks to more than the container declares is cut off there, and is no crash."""
    data = bytearray(offices.with_part(offices.word(), "word/document.xml", b"<a>" + b" " * 50_000_000))
    at = data.rindex(b"word/document.xml") - 46
    assert data[at : at + 4] == b"PK\1\2"
    data[at + 24 : at + 28] = struct.pack("<I", 1000)
    with pytest.raises(LoadError, match=r"a\.docx"):
        read("a.docx", bytes(data))


def test_a_hundred_thousand_entries(tmp_path):
    """A container with more files inside than any document has is refused."""
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
    """However deep a file nests, it is read or refused by name."""
    try:
        assert read(name, data).pages
    except LoadError as error:
        assert name in str(error)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_a_file_cut_short(read, name, part):
    """Part of a file is read as far as it goes, or refused by name; never a crash."""
    data = FILES[name]
    try:
        assert read(name, data[: int(len(data) * part)]).pages
    except LoadError as error:
        assert name in str(error)


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_damage_in_the_middle(read, name):
    """A file some of whose bytes are wrong is read as far as it goes, or refused by name."""
    data = bytearray(FILES[name])
    for at in range(len(data) // 3, 2 * len(data) // 3, 7):
        data[at] ^= 0x55
    try:
        assert read(name, bytes(data)).pages
    except LoadError as error:
        assert name in str(error)


def damaged_inside():
    """A Word file whose container is whole, and whose text is packed wrongly."""
    data = bytearray(offices.word())
    at = data.index(b"word/document.xml") + len("word/document.xml") + 4
    data[at : at + 60] = b"\xff" * 60
    return bytes(data)


def test_a_part_that_cannot_be_unpacked_is_named_as_damage(read):
    """It is damage like any other, not something that nobody knows."""
    with pytest.raises(UnreadableFile, match=r"a\.docx is damaged: its ZIP container cannot be opened"):
        read("a.docx", damaged_inside())


def test_comments_without_end_are_read_in_time(read):
    """A text of empty comments is a text; to look for a web page in it took longer than a file may."""
    said = "<!---->" * 60 + "nothing else"
    assert read("a.txt", said).pages[0].text == said


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.py", "a.json"])
def test_a_text_may_speak_of_pdf(read, name):
    """What a PDF begins with is only a word where a text says it."""
    assert read(name, '# "%PDF-1.7" is what every file begins with\n').kind != "pdf"


HALF = "\ud83d"  # of a smiling face, as where a program cut a title
CUT = HALF.encode("utf-16-be", "surrogatepass")


def named_by_halves():
    """A PDF whose title, outline and page labels end within a character."""
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
        pytest.param("a.pdf", named_by_halves, "All is well.", id="a title"),
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
def test_half_a_character_costs_only_itself(read, name, make, said):
    """The rest is read, and nothing of the document has a half in it, which no tokenizer would take."""
    document = read(name, make())
    assert said in document.pages[0].text
    repr(document).encode()


def test_a_face_in_rich_text_moves_nothing(read):
    """RTF writes it as two halves; it is one character, and the headings behind it stay where they are."""
    face = r"\u-10179?\u-8704?"
    body = rf"\pard {face} {face}\par\pard\s1\outlinelevel0 Leave\par\pard Days.\par"
    pages = read("a.rtf", offices.rich(body)).pages
    assert "\U0001f600 \U0001f600" in pages[0].text
    for page in pages:
        for heading in page.headings:
            assert page.text[heading.start :].startswith(heading.text)


@pytest.mark.parametrize("name", PARTS)
def test_a_package_without_its_main_part(read, name):
    """An Office file or a book whose heart is missing is refused by name."""
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


LOCKED = (
    '<encryption xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptionMethod '
    'Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/></encryption>'
)


def old_office(stream):
    return b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + stream.encode("utf-16-le") + b"\0" * 100


@pytest.mark.parametrize(
    ("name", "data", "error", "said"),
    [
        pytest.param(
            "a.doc",
            old_office("WordDocument"),
            UnsupportedFile,
            r"before 2007 \(\.doc\).*Save it as DOCX, or run: soffice .*--convert-to docx 'a\.doc'",
            id="doc",
        ),
        pytest.param(
            "a.xls", old_office("Workbook"), UnsupportedFile, r"\(\.xls\).*--convert-to xlsx", id="xls"
        ),
        pytest.param(
            "a.ppt", old_office("PowerPoint Document"), UnsupportedFile, r"\.ppt.*--convert-to pptx", id="ppt"
        ),
        pytest.param(
            "a.msg",
            old_office("__substg1.0_0037"),
            UnsupportedFile,
            r"Save it from Outlook .* as \.eml",
            id="msg",
        ),
        pytest.param(
            "a.docx", old_office("EncryptedPackage"), EncryptedFile, "save it without a password", id="locked"
        ),
        pytest.param("a.docx", b"MZ" + bytes(500), UnsupportedFile, "a Windows program", id="a program"),
        pytest.param(
            "a.zip", offices.zipped({"a.txt": "x"}), UnsupportedFile, "a ZIP archive.*Unpack it", id="zip"
        ),
        pytest.param(
            "a.ods",
            offices.zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}),
            UnsupportedFile,
            "Save it as XLSX",
            id="LibreOffice table",
        ),
        pytest.param(
            "a.xlsb",
            offices.zipped({"[Content_Types].xml": "<Types/>", "xl/workbook.bin": "x"}),
            LoadError,
            r"\.xlsb.*save it as XLSX",
            id="binary Excel",
        ),
        pytest.param(
            "a.epub",
            offices.book(**{"META-INF/encryption.xml": LOCKED}),
            EncryptedFile,
            "copy protection",
            id="protected book",
        ),
    ],
)
def test_refusals_say_what_to_do(read, name, data, error, said):
    """What is not read is named by what it is, with the way out."""
    with pytest.raises(error, match=said):
        read(name, data)


def test_macros_are_ignored(read):
    """A document with macros is read like any other; nothing of them is run or shown."""
    macro = "application/vnd.ms-word.document.macroEnabled.main+xml"
    package = offices.with_part(offices.word(), "word/vbaProject.bin", b"Sub AutoOpen()")
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        types = archive.read("[Content_Types].xml").decode()
    plain = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    document = read("a.docm", offices.with_part(package, "[Content_Types].xml", types.replace(plain, macro)))
    assert document.pages[0].where == "Leave"
    assert "AutoOpen" not in "".join(page.text + page.hidden for page in document.pages)
