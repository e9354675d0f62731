"""E-books: chapter after chapter in the book's own order, under the titles of its table of contents."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from docent.errors import EncryptedFile
from docent.loading.formats.html import decode_html, find_links, parse_html
from docent.loading.formats.section_pages import main_heading, split_into_pages
from docent.loading.formats.zip_container import (
    malformed_xml,
    open_zip,
    parse_xml,
    read_zip_entry,
    refuse_entities,
)
from docent.loading.job import Contents, InputFile, Job, StepReporter
from docent.messages import Message
from docent.types import Page, ReadBy

CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
OPF = "{http://www.idpf.org/2007/opf}"
NCX = "{http://www.daisy.org/z3986/2005/ncx/}"
DC = "{http://purl.org/dc/elements/1.1/}"
XML_ENCRYPTION = "{http://www.w3.org/2001/04/xmlenc#}"
FONT_ENCRYPTION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""These encrypt fonts only; the text is readable."""
CHAPTERS = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
HAS_CHAPTER_NUMBER = re.compile(
    r"\d|[IVXLC]+\b|(?:chapter|part|book|kapitel|teil|chapitre|cap[ií]tulo|capitolo|deel)\b", re.I
)
NOT_A_CHAPTER = re.compile(
    r"cover|title ?page|half[- ]?title|(?:table of )?contents|copyright.*|colophon|dedication|epigraph|"
    r"foreword|preface|introduction|prologue|epilogue|afterword|acknowledge?ments?|about .*|notes|index|"
    r"bibliography|glossary|vorwort|inhalt.*|impressum|titel.*|einleitung|nachwort|pr[ée]face|avant-propos|"
    r"table des mati[èe]res",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class EpubBook:
    """The chapters of a book and their titles."""

    archive: zipfile.ZipFile
    spine: list[str]
    """Paths of the chapters inside the container, in reading order."""
    titles: dict[str, list[str]] = field(default_factory=dict)
    """Titles by path, from the table of contents."""
    missing: int = 0
    """Chapters that are listed and not in the container."""


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    archive = open_zip(source.stream, source.name, job.limits)
    refuse_entities(archive, source.name)
    _refuse_copy_protected(archive, source.name)
    path, package = _package(archive, source.name)
    metadata = {
        tag: (package.findtext(f".//{DC}{tag}") or "").strip() for tag in ("title", "date", "language")
    }
    created = re.match(r"\d{4}(-\d{2}-\d{2})?", metadata["date"])
    book = _book(archive, posixpath.dirname(path), package, source.name)
    return Contents(
        pages=_pages(book, source.name),
        title=metadata["title"],
        created=created[0] if created and created[1] else "",
        language=metadata["language"][:2].lower(),
        note=Message("Parts of the book that are not in the file: {count}.", count=book.missing)
        if book.missing
        else "",
    )


def _package(archive: zipfile.ZipFile, name: str) -> tuple[str, Any]:
    container = parse_xml(read_zip_entry(archive, "META-INF/container.xml", name), name, lenient=True)
    file = container.find(f".//{CONTAINER}rootfile")
    if file is None:
        raise malformed_xml(name, Message("it does not name its contents"))
    path = unquote(file.get("full-path", ""))
    return path, parse_xml(read_zip_entry(archive, path, name), name, lenient=True)


def _refuse_copy_protected(archive: zipfile.ZipFile, name: str) -> None:
    if "META-INF/encryption.xml" not in archive.namelist():
        return
    encryption = parse_xml(read_zip_entry(archive, "META-INF/encryption.xml", name), name, lenient=True)
    if any(
        method.get("Algorithm", "") not in FONT_ENCRYPTION
        for method in encryption.iter(f"{XML_ENCRYPTION}EncryptionMethod")
    ):
        raise EncryptedFile(
            "{name} is an e-book with copy protection, which only its shop's own program can open. "
            "Add an edition without it.",
            name=name,
        )


def _book(archive: zipfile.ZipFile, folder: str, package: Any, name: str) -> EpubBook:
    items = {item.get("id", ""): item for item in package.iter(f"{OPF}item")}
    entries = set(archive.namelist())
    spine_paths = [
        _path(folder, item.get("href", ""))
        for reference in package.iter(f"{OPF}itemref")
        if (item := items.get(reference.get("idref", ""))) is not None
        and item.get("media-type", CHAPTERS[0]) in CHAPTERS
        and "nav" not in item.get("properties", "").split()
    ]
    spine = [path for path in spine_paths if path in entries]
    titles: dict[str, list[str]] = defaultdict(list)
    for item in items.values():
        path = _path(folder, item.get("href", ""))
        if path not in entries:
            continue
        if "nav" in item.get("properties", "").split():
            toc_entries = find_links(decode_html(read_zip_entry(archive, path, name))[0], "nav a[href]")
        elif item.get("media-type") == "application/x-dtbncx+xml" and not titles:
            toc_entries = _ncx_entries(read_zip_entry(archive, path, name), name)
        else:
            continue
        for target, title in toc_entries:
            titles[_path(posixpath.dirname(path), target)].append(title)
    return EpubBook(archive, spine, dict(titles), missing=len(spine_paths) - len(spine))


def _ncx_entries(data: bytes, name: str) -> list[tuple[str, str]]:
    root = parse_xml(data, name, lenient=True)
    return [
        (content.get("src", ""), " ".join((point.findtext(f"{NCX}navLabel/{NCX}text") or "").split()))
        for point in root.iter(f"{NCX}navPoint")
        if (content := point.find(f"{NCX}content")) is not None
    ]


def _path(folder: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(urlsplit(link).path)))


def _pages(book: EpubBook, name: str) -> Iterator[Page]:
    number, chapter, place = 1, 0, ""
    for path in book.spine:
        blocks = parse_html(decode_html(read_zip_entry(book.archive, path, name))[0]).blocks
        if not blocks:
            continue
        titles = book.titles.get(path, [])
        title = titles[0] if len(titles) == 1 else "" if book.titles else main_heading(blocks)
        if title:  # a part without one continues the chapter before
            is_chapter = not NOT_A_CHAPTER.fullmatch(title)
            chapter += is_chapter
            place = (
                f"chapter {chapter} · {title}"
                if is_chapter and not HAS_CHAPTER_NUMBER.match(title)
                else title
            )
        elif len(titles) > 1:
            place = ""  # several chapters in one file: each has its own heading
        for page in split_into_pages(blocks, first=number, prefix=place):
            yield page
            number = page.number + 1
    if number == 1:
        yield Page(
            1, "", place="book", read_by=ReadBy.EMPTY, note=Message("There is no text in its chapters.")
        )
