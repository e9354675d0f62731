"""Detection of a file's format by its content; the name only decides between kinds of plain text."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module

from docent.errors import EncryptedFile, PluginError, UnsupportedFile
from docent.loading.formats.zip_container import open_zip, read_zip_entry
from docent.loading.job import Contents, InputFile, Job, Limits, StepReporter
from docent.messages import Message
from docent.plugins import installed, load_plugin

CODE = frozenset(
    ".py .pyi .js .mjs .ts .tsx .jsx .java .c .h .cc .cpp .hpp .cs .go .rs .rb .php .swift .kt .scala .sh "
    ".bash .ps1 .sql .r .lua .pl .hs .ml .ex .exs .erl .clj .dart .vue .css .scss .toml .yaml .yml .ini .cfg "
    ".xml .tex .m .f90 .jl .tf .gradle .cmake .make .mk .dockerfile".split()
)
BY_SUFFIX = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdx": "markdown",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".eml": "eml",
    ".htm": "html",
    ".html": "html",
    ".xhtml": "html",
} | dict.fromkeys(CODE, "code")
TEXT_SUFFIXES = (".txt", ".text", ".log", ".json")
KINDS = (
    "pdf", "markdown", "text", "html", "docx", "pptx", "xlsx", "csv", "epub", "rtf", "odt", "ods", "eml",
    "json", "jsonl", "code", "png", "jpeg",
)  # fmt: skip
KIND_BY_SUFFIX = {
    ".pdf": "pdf",
    ".docx": "docx",
    ".docm": "docx",
    ".pptx": "pptx",
    ".pptm": "pptx",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".epub": "epub",
    ".rtf": "rtf",
    ".odt": "odt",
    ".ods": "ods",
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
}
OWN_SUFFIXES = frozenset((*BY_SUFFIX, *TEXT_SUFFIXES, *KIND_BY_SUFFIX))
"""Suffixes that no plugin can take over."""
FOREIGN_SIGNATURES = (
    (b"GIF8", Message("a GIF image"), Message("Save it as PNG or JPEG.")),
    (b"II*\0", Message("a TIFF image"), Message("Save it as PNG, JPEG or PDF.")),
    (b"MM\0*", Message("a TIFF image"), Message("Save it as PNG, JPEG or PDF.")),
    (b"\x7fELF", Message("a program"), Message("Remove it.")),
    (b"MZ", Message("a Windows program"), Message("Remove it.")),
    (b"\x1f\x8b", Message("a gzip archive"), Message("Unpack it and add what is inside.")),
    (b"7z\xbc\xaf", Message("a 7-Zip archive"), Message("Unpack it and add what is inside.")),
    (b"Rar!", Message("a RAR archive"), Message("Unpack it and add what is inside.")),
    (b"BZh", Message("a bzip2 archive"), Message("Unpack it and add what is inside.")),
    (b"SQLite format 3", Message("a database"), Message("Export its tables as CSV.")),
    (b"ID3", Message("a sound recording"), Message("Add a transcript instead.")),
    (b"OggS", Message("a sound recording"), Message("Add a transcript instead.")),
)
READABLE_FORMATS = Message(
    "PDF, Word, PowerPoint, Excel, OpenDocument text and spreadsheet, RTF, EPUB, mail, PNG and JPEG"
)
OLD_OFFICE_STREAMS = (
    (".msg", "__substg1.0_"),
    (".doc", "WordDocument"),
    (".ppt", "PowerPoint Document"),
    (".xls", "Workbook"),
    (".xls", "Book"),
)
"""Old Office formats share one container and differ in the names of the streams inside."""
HTML = re.compile(r"(<\?xml[^>]*>\s*)?(?>(<!--.*?-->\s*)*)<(!doctype html|html|head|body)\b", re.DOTALL)
"""The group is atomic: backtracking over where each comment could end would take for ever."""
MODERN_KIND = {".doc": "docx", ".ppt": "pptx", ".xls": "xlsx"}


def supported_kinds() -> tuple[str, ...]:
    """Return every kind of file that can be read."""
    return tuple(KINDS)


def detect_kind(source: InputFile, limits: Limits) -> str:
    """Return the kind of a file. Raises UnsupportedFile, EncryptedFile or UnreadableFile."""
    head = source.head
    if (suffix := source.suffix.removeprefix(".")) and source.suffix not in OWN_SUFFIXES:
        if suffix in installed("loaders"):
            return suffix
    if _is_pdf(source):
        return "pdf"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _detect_zipped(source, limits)
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        raise _old_office(source)
    for signature, description, remedy in FOREIGN_SIGNATURES:
        if head.startswith(signature):
            raise UnsupportedFile(
                "{name} is {what}, which cannot be read. {remedy}",
                name=source.name,
                what=description,
                remedy=remedy,
            )
    return _detect_text(source)


def describe_mismatch(source: InputFile, kind: str) -> str:
    """Return a sentence where a file's suffix stands for another kind than its content is, else ""."""
    if KIND_BY_SUFFIX.get(source.suffix) in (None, kind):
        return ""
    return Message(
        "{name} is named {suffix}, but its content is {kind}. It was read as {kind}.",
        name=source.name,
        suffix=source.suffix,
        kind=kind.upper(),
    )


def _is_pdf(source: InputFile) -> bool:
    """Return whether it is a PDF; a server or a scanner may have put bytes before its header."""
    if source.suffix == ".pdf":
        return b"%PDF-" in source.head
    if source.suffix in BY_SUFFIX or source.suffix in TEXT_SUFFIXES:
        return source.head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"%PDF-")
    return b"%PDF-" in source.head[:1024]


def _detect_zipped(source: InputFile, limits: Limits) -> str:
    with open_zip(source.stream, source.name, limits) as archive:
        names = set(archive.namelist())
        mimetype = ""
        if "mimetype" in names and archive.getinfo("mimetype").file_size <= 200:
            mimetype = read_zip_entry(archive, "mimetype", source.name).decode("ascii", "replace").strip()
    if "[Content_Types].xml" in names:
        for folder, kind in (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx")):
            if any(name.startswith(folder) for name in names):
                return kind
    if mimetype == "application/epub+zip" or "META-INF/container.xml" in names:
        return "epub"
    if mimetype.startswith("application/vnd.oasis.opendocument.text"):
        return "odt"
    if mimetype.startswith("application/vnd.oasis.opendocument.spreadsheet"):
        return "ods"
    if mimetype.startswith("application/vnd.oasis"):
        raise UnsupportedFile(
            "{name} is an OpenDocument file other than a text or a spreadsheet, which cannot be read. Save "
            "it as PPTX or PDF.",
            name=source.name,
        )
    raise UnsupportedFile(
        "{name} is a ZIP archive, which is not opened. Unpack it and add what is inside.", name=source.name
    )


def _old_office(source: InputFile) -> UnsupportedFile | EncryptedFile:
    data = source.read_all()
    if "EncryptedPackage".encode("utf-16-le") in data:
        return EncryptedFile(
            "{name} is an Office document locked with a password, which only Office can open. Open "
            "it there, save it without a password and add it again.",
            name=source.name,
        )
    old_suffix = next(
        (suffix for suffix, stream in OLD_OFFICE_STREAMS if stream.encode("utf-16-le") in data), ""
    )
    if old_suffix == ".msg":
        return UnsupportedFile(
            "{name} is an Outlook message (.msg), which cannot be read. Save it from "
            "Outlook or Thunderbird as .eml.",
            name=source.name,
        )
    target = MODERN_KIND.get(old_suffix or source.suffix, "docx")
    return UnsupportedFile(
        "{name} is in the Office format used before 2007 ({value}), which cannot be read. Save it as "
        "{upper}, or run: soffice --headless --convert-to {target} '{name}'",
        name=source.name,
        value=old_suffix or ".doc, .xls, .ppt",
        upper=target.upper(),
        target=target,
    )


def _detect_text(source: InputFile) -> str:
    head = source.head
    if not _looks_like_text(head):
        raise UnsupportedFile(
            "{name} is not a format that can be read: it is neither text nor any of {kinds}. Convert "
            "it to PDF or text, or remove it.",
            name=source.name,
            kinds=READABLE_FORMATS,
        )
    start = head[:4096].decode("utf-8", "replace").lstrip("\ufeff \r\n\t").lower()
    if kind := BY_SUFFIX.get(source.suffix):
        return kind
    if HTML.match(start):
        return "html"
    if source.suffix == ".json" or (source.suffix == "" and start[:1] == "{"):
        return "json"
    fields = re.findall(r"^(from|to|subject|date|received|message-id|mime-version):", start, re.MULTILINE)
    is_mail = re.match(r"[a-z-]+:\s", start) and len(set(fields)) >= 3
    return "eml" if is_mail and source.suffix not in TEXT_SUFFIXES else "text"


def _looks_like_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or _is_utf16(head):
        return True
    if b"\0" in head:
        return False
    controls = sum(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head)
    return controls <= len(head) // 50  # form feeds and stray controls occur in real text files


def _is_utf16(head: bytes) -> bool:
    """Return whether it is UTF-16 without a byte-order mark: of Western text, every other byte is zero."""
    pairs = len(head) // 2
    return (
        pairs > 4
        and max(head[0::2].count(0), head[1::2].count(0)) > pairs * 0.7
        and head.count(0) < pairs * 1.1
    )


READERS = {kind: f"{kind}.read" for kind in KINDS} | {
    "markdown": "text.read_markdown",
    "code": "text.read_code",
    "csv": "table_rows.read_csv",
    "jsonl": "json.read",
    "png": "image.read",
    "jpeg": "image.read",
}


def open_contents(source: InputFile, kind: str, job: Job, *, report_step: StepReporter) -> Contents:
    """Return the contents of a file of a known kind, importing only that kind's libraries."""
    reader = _reader(kind, source.name)
    contents: Contents = reader(source, job=job, report_step=report_step)
    return contents


def _reader(kind: str, name: str) -> Callable[..., Contents]:
    """Return the function that reads a kind of file: one of ours, else one of a plugin."""
    if kind in READERS:
        module, _, function = READERS[kind].partition(".")
        reader: Callable[..., Contents] = getattr(import_module(f"docent.loading.formats.{module}"), function)
        return reader
    try:
        plugin: Callable[..., Contents] = load_plugin("loaders", kind)
    except PluginError as error:
        raise UnsupportedFile("{name} cannot be read. {why}", name=name, why=error.message) from error
    return plugin
