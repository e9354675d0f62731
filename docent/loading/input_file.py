"""The bytes of one file, read and hashed once, and decoded to text."""

from __future__ import annotations

import codecs
import hashlib
import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from docent.errors import HarmfulFile, OutOfReach, UnreadableFile
from docent.messages import Message
from docent.regular_files import open_regular

BLOCK = 1 << 20
IN_MEMORY = 32 << 20  # larger files are parsed from a private copy, so that four workers stay small


@dataclass(frozen=True, slots=True)
class InputFile:
    """The bytes of a file, as they were when it was opened."""

    name: str
    sha256: str
    size: int
    suffix: str
    """In lower case, with its dot."""
    head: bytes
    """The first 64 kB."""
    stream: IO[bytes]
    """The whole file, seekable; in memory when small."""

    def read_all(self) -> bytes:
        self.stream.seek(0)
        return self.stream.read()


def read_input_file(path: Path, *, largest: int) -> InputFile:
    """Read and hash a file. Raises UnreadableFile and HarmfulFile with the reason."""
    digest, size, head = hashlib.sha256(), 0, b""
    copy = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # closed with the InputFile
    try:
        with open_regular(path, links=True) as file:
            while block := file.read(BLOCK):
                size += len(block)
                if size > largest:
                    raise HarmfulFile(
                        "{name} is larger than {most:.0f} MB, the most that is read. Split it, or "
                        "raise DOCENT_MAX_FILE_MB.",
                        name=path.name,
                        most=largest / 1000000.0,
                    )
                head = head or block[:65536]
                digest.update(block)
                with _full_disk_as_out_of_reach(copy, path.name):
                    copy.write(block)
    except OSError as error:
        raise _unreadable(path, error) from error
    if size == 0:
        raise UnreadableFile(
            "{name} is empty (0 bytes), so there is nothing to read. Copy or download it again, or "
            "remove it.",
            name=path.name,
        )
    with _full_disk_as_out_of_reach(copy, path.name):
        copy.seek(0)  # writes the rest
    return InputFile(path.name, digest.hexdigest(), size, path.suffix.lower(), head, copy)


@contextmanager
def _full_disk_as_out_of_reach(copy: IO[bytes], name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        with suppress(OSError):  # flushing what is left fails too
            copy.close()
        raise OutOfReach(
            "{name} was not read: a file so large is read from a copy, and none could be written to "
            "the folder for temporary files ({reason}). Make room there, or name another folder in "
            "TMPDIR, and try again.",
            name=name,
            reason=error.strerror or error,
        ) from error


def _unreadable(path: Path, error: OSError) -> UnreadableFile:
    match error:
        case FileNotFoundError():
            return UnreadableFile(
                "{name} is no longer there: it was moved or deleted. Put it back, or ingest again.",
                name=path.name,
            )
        case PermissionError():
            return OutOfReach(
                "{name} may not be read by this user (permission denied). Run: chmod u+r on the file.",
                name=path.name,
            )
        case IsADirectoryError():
            return UnreadableFile(
                "{name} is a folder, not a file. Name the files in it, or ingest the folder.", name=path.name
            )
        case _:
            return OutOfReach(
                "{name} could not be read from disk ({reason}). Check the disk or the connection to "
                "it, and try again.",
                name=path.name,
                reason=error.strerror or error,
            )


BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
GUESSED_UTF16 = Message("The file does not name its encoding; it was read as UTF-16.")
GUESSED_WINDOWS = Message("The text is not UTF-8; it was read as Windows-1252.")
MAX_DAMAGE = 0.001  # a UTF-8 text with a few broken bytes is still UTF-8; Western text has one in thirty


def decode_text(source: InputFile) -> tuple[str, str]:
    """Return the text with line feeds as line ends, and a note where the encoding had to be guessed."""
    text, note = decode_bytes(source.read_all())
    return text.replace("\r\n", "\n").replace("\r", "\n"), note


def open_text(source: InputFile) -> tuple[IO[str], str]:
    """Return a text stream for a file of any size, with its line ends as they are, and the same note."""
    encoding, note = _encoding_of(source)
    source.stream.seek(0)
    return io.TextIOWrapper(source.stream, encoding=encoding, errors="replace", newline=""), note


def _encoding_of(source: InputFile) -> tuple[str, str]:
    for mark, encoding in BYTE_ORDER_MARKS:
        if source.head.startswith(mark):
            return encoding, ""
    if b"\0" in source.head:
        return _utf16_encoding(source.head), GUESSED_UTF16
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    source.stream.seek(0)
    damaged_bytes = length = 0
    while block := source.stream.read(BLOCK):
        text = decoder.decode(block)
        damaged_bytes, length = damaged_bytes + text.count("\ufffd"), length + len(text)
    if damaged_bytes > length * MAX_DAMAGE:
        return "cp1252", GUESSED_WINDOWS
    return "utf-8", f"{damaged_bytes} damaged bytes were replaced." if damaged_bytes else ""


def decode_bytes(data: bytes) -> tuple[str, str]:
    """Decode by a byte-order mark, else as UTF-8, UTF-16 or Windows-1252; return the text and a note."""
    for mark, encoding in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), ""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return (
            (text, "") if "\0" not in text else (data.decode(_utf16_encoding(data), "replace"), GUESSED_UTF16)
        )
    lenient = data.decode("utf-8", "replace")
    damaged_bytes = lenient.count("\ufffd")
    if damaged_bytes <= len(lenient) * MAX_DAMAGE:
        return lenient, f"{damaged_bytes} damaged bytes were replaced."
    return data.decode("cp1252", "replace"), GUESSED_WINDOWS


def _utf16_encoding(data: bytes) -> str:
    little = data[1::2].count(0) >= data[0::2].count(0)
    return "utf-16-le" if little else "utf-16-be"
