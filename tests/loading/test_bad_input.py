"""Each bad file gets its sentence; nothing else is hurt."""

from __future__ import annotations

import io
import os
import struct
import tempfile
import zlib

import pytest
from PIL import Image

from docent.errors import HarmfulFile, LoadError, UnreadableFile, UnsupportedFile
from docent.loading import Limits, Loader, Ocr, input_file, load
from docent.types import ReadBy
from tests.loading import makers


def test_an_empty_pdf_is_named_as_empty(read):
    """A zero-byte PDF is refused as empty, by name, with what to do."""
    with pytest.raises(UnreadableFile, match=r"menu\.pdf is empty \(0 bytes\).*Copy or download it again"):
        read("menu.pdf", b"")


def test_a_jpeg_named_pdf_is_read_as_what_it_is(read):
    """Content decides: the page says that the name promised something else."""
    out = io.BytesIO()
    Image.new("RGB", (200, 100), "white").save(out, "JPEG")
    document = read("scan.pdf", out.getvalue())
    assert document.kind == "jpeg"
    assert "scan.pdf is named .pdf but is a JPEG file" in document.pages[0].note


def test_a_picture_of_a_billion_dots_is_too_large_not_damaged(read):
    """However far over the limit it is, it is named by what is wrong with it."""
    out = io.BytesIO()
    Image.new("1", (40, 40)).save(out, "PNG")
    head = struct.pack(">4sIIBBBBB", b"IHDR", 40_000, 40_000, 1, 0, 0, 0, 0)
    data = bytearray(out.getvalue())
    data[12:33] = head + struct.pack(">I", zlib.crc32(head))
    with pytest.raises(HarmfulFile, match=r"a\.png has more dots than are read. Save it smaller"):
        read("a.png", bytes(data))


def test_ten_megabytes_on_one_line(read):
    """A huge line becomes pages of bounded size, and no character is lost."""
    text = "All work and no play makes a long line. " * 260_000
    document = read("log.txt", text)
    assert "".join(page.text for page in document.pages) == text
    assert max(len(page.text) for page in document.pages) <= 12_000
    assert document.pages[1].place.startswith("line 1, characters 1")


def test_a_file_that_vanished(loader, tmp_path):
    """A file that is gone when its turn comes is named, with what to do."""
    with pytest.raises(UnreadableFile, match=r"gone\.md is no longer there"):
        loader.load(tmp_path / "gone.md")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_nobody_may_read(loader, tmp_path):
    """Permission denied is said in words."""
    path = tmp_path / "secret.txt"
    path.write_text("x")
    path.chmod(0)
    with pytest.raises(UnreadableFile, match="permission denied"):
        loader.load(path)


def test_no_room_for_the_copy_of_a_large_file(tmp_path, monkeypatch):
    """It is not the file that is missing or cannot be read; what to do is said of the other folder."""
    (tmp_path / "large.txt").write_text("All is well.")
    monkeypatch.setattr(input_file, "IN_MEMORY", 4)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nothing"))
    with pytest.raises(UnreadableFile, match=r"large\.txt was not read: .* copy.*TMPDIR"):
        input_file.read_input_file(tmp_path / "large.txt", largest=1000)


def test_a_folder_is_not_a_file(loader, tmp_path):
    """A folder where a file is expected gets its own sentence."""
    with pytest.raises(UnreadableFile, match="is a folder"):
        loader.load(tmp_path)


def test_names_with_emoji_and_spaces(read):
    """Any name the file system allows is read and kept."""
    assert read("my 🍕 menu, final (2).md", "# Pizza\n\nMargherita 9 €\n").name == "my 🍕 menu, final (2).md"


def test_the_same_bytes_give_the_same_document(read):
    """Two files with one content differ in nothing but their names."""
    data = makers.pdf(lambda sheet, number: makers.write(sheet, ["Hello there"]))
    one, two = read("a.pdf", data), read("b.pdf", data)
    assert (one.sha256, one.pages) == (two.sha256, two.pages)


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
def test_formats_nobody_reads(read, name, content, said):
    """What cannot be read is refused by what it is, not by its suffix."""
    with pytest.raises(UnsupportedFile, match=said):
        read(name, content)


@pytest.mark.parametrize("cut", [200, 600, 900])
def test_a_pdf_cut_short(read, cut):
    """Half a PDF is either read in part or refused by name; never a crash."""
    data = makers.pdf(lambda sheet, number: makers.write(sheet, ["Hello there"]))
    try:
        document = read("half.pdf", data[:cut])
    except LoadError as error:
        assert "half.pdf" in str(error)
    else:
        assert document.pages[0].read_by in ReadBy


def test_a_file_over_the_limit(tmp_path):
    """A file larger than allowed is refused with the limit and the setting that raises it."""
    path = tmp_path / "big.txt"
    path.write_text("x" * 2_000_000)
    with pytest.raises(LoadError, match=r"larger than 1 MB.*DOCENT_MAX_FILE_MB"):
        load(path, limits=Limits(file_bytes=1_000_000), password=None, ocr=Ocr(engine="off"))


def test_a_file_that_never_ends_is_given_up(tmp_path):
    """What keeps its reader waiting is named when its time is over, and the next file is read."""
    os.mkfifo(tmp_path / "endless.pdf")
    (tmp_path / "good.txt").write_text("All is well.")
    with Loader(limits=Limits(page_seconds=1), ocr=Ocr(engine="off"), workers=1) as loader:
        with pytest.raises(HarmfulFile, match=r"endless\.pdf was not read within 1 s"):
            loader.load(tmp_path / "endless.pdf")
        assert loader.load(tmp_path / "good.txt").pages[0].text == "All is well."
