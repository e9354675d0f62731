"""Files that are refused, or read with a note: each error names the file and says what to do."""

from __future__ import annotations

import io
import os
import signal
import struct
import tempfile
import zipfile
import zlib

import pytest
from PIL import Image

from docent.errors import EncryptedFile, HarmfulFile, LoadError, UnreadableFile, UnsupportedFile
from docent.loading import Limits, Loader, Ocr, job, load
from docent.types import ReadBy
from tests.loading import makers, offices


def test_an_empty_file_is_refused(read):
    """An empty PDF is refused by name, and the error says what to do."""
    with pytest.raises(UnreadableFile, match=r"menu\.pdf is empty \(0 bytes\).*Copy or download it again"):
        read("menu.pdf", b"")


def test_a_jpeg_named_pdf_is_read_as_jpeg(read):
    """The content decides on the format; a note says that the suffix names another one."""
    out = io.BytesIO()
    Image.new("RGB", (200, 100), "white").save(out, "JPEG")
    document = read("scan.pdf", out.getvalue())
    assert document.kind == "jpeg"
    assert "scan.pdf is named .pdf, but its content is JPEG" in document.pages[0].note


def test_a_huge_picture_is_refused_as_too_large(read):
    """A picture far over the limit is refused for its size, and not as damaged."""
    out = io.BytesIO()
    Image.new("1", (40, 40)).save(out, "PNG")
    head = struct.pack(">4sIIBBBBB", b"IHDR", 40_000, 40_000, 1, 0, 0, 0, 0)
    data = bytearray(out.getvalue())
    data[12:33] = head + struct.pack(">I", zlib.crc32(head))
    with pytest.raises(HarmfulFile, match=r"a\.png has too many pixels to be read. Save it smaller"):
        read("a.png", bytes(data))


def test_a_line_of_ten_megabytes_is_split_into_pages(read):
    """A long line becomes pages of bounded size, and no character is lost."""
    text = "All work and no play makes a long line. " * 260_000
    document = read("log.txt", text)
    assert "".join(page.text for page in document.pages) == text
    assert max(len(page.text) for page in document.pages) <= 12_000
    assert document.pages[1].place.startswith("line 1, characters 1")


def test_a_missing_file_is_refused(loader, tmp_path):
    """A file that was removed before its turn is named, and the error says what to do."""
    with pytest.raises(UnreadableFile, match=r"gone\.md is no longer there"):
        loader.load(tmp_path / "gone.md")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_refused(loader, tmp_path):
    """The error says that permission was denied."""
    path = tmp_path / "secret.txt"
    path.write_text("x")
    path.chmod(0)
    with pytest.raises(UnreadableFile, match="permission denied"):
        loader.load(path)


def test_a_large_file_without_room_for_its_copy_is_refused(tmp_path, monkeypatch):
    """The error names the folder for temporary files, and does not blame the file."""
    (tmp_path / "large.txt").write_text("All is well.")
    monkeypatch.setattr(job, "IN_MEMORY", 4)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nothing"))
    with pytest.raises(UnreadableFile, match=r"large\.txt was not read: .* copy.*TMPDIR"):
        job.read_input_file(tmp_path / "large.txt", largest=1000)


def test_a_folder_is_refused(loader, tmp_path):
    """The error says that it is a folder."""
    with pytest.raises(UnreadableFile, match="is a folder"):
        loader.load(tmp_path)


def test_names_with_emoji_and_spaces_are_kept(read):
    """Any name that the file system allows is read and kept."""
    assert read("my 🍕 menu, final (2).md", "# Pizza\n\nMargherita 9 €\n").name == "my 🍕 menu, final (2).md"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("tool.exe", b"MZ\x90\0\3" * 50, "a Windows program", id="program"),
        pytest.param("song.mp3", b"ID3\3\0" * 50, "a sound recording", id="sound"),
        pytest.param("data.bin", bytes(range(256)) * 8, "neither text nor any of", id="binary"),
        pytest.param(
            "old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "before 2007", id="old Word"
        ),
    ],
)
def test_unsupported_formats_are_refused_by_content(read, name, content, said):
    """A file that cannot be read is refused by what it contains, whatever its suffix."""
    with pytest.raises(UnsupportedFile, match=said):
        read(name, content)


@pytest.mark.parametrize("cut", [200, 600, 900])
def test_a_truncated_pdf_does_not_crash(read, cut):
    """Part of a PDF is read as far as it goes, or refused by name."""
    data = makers.pdf(lambda sheet, number: makers.write(sheet, ["Hello there"]))
    try:
        document = read("half.pdf", data[:cut])
    except LoadError as error:
        assert "half.pdf" in str(error)
    else:
        assert document.pages[0].read_by in ReadBy


def test_a_file_over_the_size_limit_is_refused(tmp_path):
    """The error names the limit and the setting that raises it."""
    path = tmp_path / "big.txt"
    path.write_text("x" * 2_000_000)
    with pytest.raises(LoadError, match=r"larger than 1 MB.*DOCENT_MAX_FILE_MB"):
        load(path, limits=Limits(file_bytes=1_000_000), password=None, ocr=Ocr(engine="off"))


def test_a_named_pipe_is_refused_at_once(tmp_path):
    """A pipe would keep its reader waiting; it is refused by name, and the next file is read."""
    os.mkfifo(tmp_path / "endless.pdf")
    (tmp_path / "good.txt").write_text("All is well.")
    with Loader(limits=Limits(), ocr=Ocr(engine="off"), workers=1) as loader:
        with pytest.raises(UnreadableFile, match=r"endless\.pdf is not a regular file but a named pipe"):
            loader.load(tmp_path / "endless.pdf")
        assert loader.load(tmp_path / "good.txt").pages[0].text == "All is well."


def test_a_reader_that_hangs_is_stopped(tmp_path):
    """A file that keeps its reader busy beyond the time limit is named, and the next file is read."""
    (tmp_path / "good.txt").write_text("All is well.")
    with Loader(limits=Limits(page_seconds=1), ocr=Ocr(engine="off"), workers=1) as loader:
        loader.load(tmp_path / "good.txt")
        (worker,) = loader.pool.idle
        os.kill(worker.process.pid, signal.SIGSTOP)
        with pytest.raises(HarmfulFile, match=r"good\.txt was not read within 1 s"):
            loader.load(tmp_path / "good.txt")
        assert loader.load(tmp_path / "good.txt").pages[0].text == "All is well."


def test_a_pdf_without_contents_is_refused_by_name(read):
    """A PDF header without a PDF behind it is an error with the file's name."""
    with pytest.raises(LoadError, match=r"a\.pdf is too damaged"):
        read("a.pdf", b"%PDF-1.4 nothing")


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
            "a.odp",
            offices.zipped({"mimetype": "application/vnd.oasis.opendocument.presentation"}),
            UnsupportedFile,
            "Save it as PPTX",
            id="LibreOffice slides",
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
    """The error names the format and says how to get a readable copy."""
    with pytest.raises(error, match=said):
        read(name, data)


@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.py", "a.json"])
def test_a_text_that_mentions_the_pdf_header_is_text(read, name):
    """A text file that begins with a quoted PDF header is not taken for a PDF."""
    assert read(name, '# "%PDF-1.7" is what every file begins with\n').kind != "pdf"


def test_many_empty_comments_are_read_in_time(read):
    """Looking for HTML in a text of empty comments once took longer than the time limit of a file."""
    said = "<!---->" * 60 + "nothing else"
    assert read("a.txt", said).pages[0].text == said


def test_macros_are_ignored(read):
    """A document with macros is read like any other; its macros are neither run nor shown."""
    macro = "application/vnd.ms-word.document.macroEnabled.main+xml"
    package = offices.with_part(offices.word(), "word/vbaProject.bin", b"Sub AutoOpen()")
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        types = archive.read("[Content_Types].xml").decode()
    plain = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    document = read("a.docm", offices.with_part(package, "[Content_Types].xml", types.replace(plain, macro)))
    assert document.pages[0].where == "Leave"
    assert "AutoOpen" not in "".join(page.text + page.hidden for page in document.pages)
