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
from docent.glossary import Page, ReadBy
from docent.loading.formats.html import decode_html, links_of, parse
from docent.loading.formats.section_pages import Block, pages, title_of
from docent.loading.formats.zip_container import broken, check_entities, open_package, parse_xml, read_part
from docent.loading.input_file import Source
from docent.loading.job import Contents, Job, Watch

CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
OPF = "{http://www.idpf.org/2007/opf}"
NCX = "{http://www.daisy.org/z3986/2005/ncx/}"
DC = "{http://purl.org/dc/elements/1.1/}"
LOCK = "{http://www.w3.org/2001/04/xmlenc#}"
FONTS = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
"""Locks on fonts only; the text is open."""
CHAPTERS = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")
NUMBERED = re.compile(
    r"\d|[IVXLC]+\b|(?:chapter|part|book|kapitel|teil|chapitre|cap[ií]tulo|capitolo|deel)\b", re.I
)
NO_CHAPTER = re.compile(
    r"cover|title ?page|half[- ]?title|(?:table of )?contents|copyright.*|colophon|dedication|epigraph|"
    r"foreword|preface|introduction|prologue|epilogue|afterword|acknowledge?ments?|about .*|notes|index|"
    r"bibliography|glossary|vorwort|inhalt.*|impressum|titel.*|einleitung|nachwort|pr[ée]face|avant-propos|"
    r"table des mati[èe]res",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Book:
    archive: zipfile.ZipFile
    spine: list[str]
    """Paths of its parts inside the container, in reading order."""
    titles: dict[str, list[str]] = field(default_factory=dict)
    """What the table of contents calls them."""
    missing: int = 0
    """Parts that its order names and the container does not hold."""


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    archive = open_package(source.stream, source.name, job.limits)
    check_entities(archive, source.name)
    _refuse_locked(archive, source.name)
    path, package = _package(archive, source.name)
    said = {tag: (package.findtext(f".//{DC}{tag}") or "").strip() for tag in ("title", "date", "language")}
    created = re.match(r"\d{4}(-\d{2}-\d{2})?", said["date"])
    book = _book(archive, posixpath.dirname(path), package, source.name)
    return Contents(
        pages=_pages(book, source.name),
        title=said["title"],
        created=created[0] if created and created[1] else "",
        language=said["language"][:2].lower(),
        note=f"Parts of the book that are not in the file: {book.missing}." if book.missing else "",
    )


def _package(archive: zipfile.ZipFile, name: str) -> tuple[str, Any]:
    container = parse_xml(read_part(archive, "META-INF/container.xml", name), name, forgiving=True)
    file = container.find(f".//{CONTAINER}rootfile")
    if file is None:
        raise broken(name, "it does not say where its contents are")
    path = unquote(file.get("full-path", ""))
    return path, parse_xml(read_part(archive, path, name), name, forgiving=True)


def _refuse_locked(archive: zipfile.ZipFile, name: str) -> None:
    if "META-INF/encryption.xml" not in archive.namelist():
        return
    lock = parse_xml(read_part(archive, "META-INF/encryption.xml", name), name, forgiving=True)
    if any(method.get("Algorithm", "") not in FONTS for method in lock.iter(f"{LOCK}EncryptionMethod")):
        raise EncryptedFile(
            f"{name} is an e-book with copy protection, which only its shop's own program can open. "
            "Add an edition without it."
        )


def _book(archive: zipfile.ZipFile, folder: str, package: Any, name: str) -> Book:
    items = {item.get("id", ""): item for item in package.iter(f"{OPF}item")}
    known = set(archive.namelist())
    named = [
        _path(folder, item.get("href", ""))
        for reference in package.iter(f"{OPF}itemref")
        if (item := items.get(reference.get("idref", ""))) is not None
        and item.get("media-type", CHAPTERS[0]) in CHAPTERS
        and "nav" not in item.get("properties", "").split()
    ]
    spine = [path for path in named if path in known]
    titles: dict[str, list[str]] = defaultdict(list)
    for item in items.values():
        path = _path(folder, item.get("href", ""))
        if path not in known:
            continue
        if "nav" in item.get("properties", "").split():
            entries = links_of(decode_html(read_part(archive, path, name))[0], "nav a[href]")
        elif item.get("media-type") == "application/x-dtbncx+xml" and not titles:
            entries = _ncx(read_part(archive, path, name), name)
        else:
            continue
        for target, title in entries:
            titles[_path(posixpath.dirname(path), target)].append(title)
    return Book(archive, spine, dict(titles), missing=len(named) - len(spine))


def _ncx(data: bytes, name: str) -> list[tuple[str, str]]:
    root = parse_xml(data, name, forgiving=True)
    return [
        (content.get("src", ""), " ".join((point.findtext(f"{NCX}navLabel/{NCX}text") or "").split()))
        for point in root.iter(f"{NCX}navPoint")
        if (content := point.find(f"{NCX}content")) is not None
    ]


def _path(folder: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(folder, unquote(urlsplit(link).path)))


def _pages(book: Book, name: str) -> Iterator[Page]:
    number, chapter, place = 1, 0, ""
    for path in book.spine:
        blocks = parse(decode_html(read_part(book.archive, path, name))[0]).blocks
        if not blocks:
            continue
        named = book.titles.get(path, [])
        if title := _title(named, blocks, known=bool(book.titles)):
            counts = not NO_CHAPTER.fullmatch(title)
            chapter += counts
            place = f"chapter {chapter} · {title}" if counts and not NUMBERED.match(title) else title
        elif len(named) > 1:
            place = ""  # several chapters in one part: each is known by its own heading
        for page in pages(blocks, first=number, prefix=place):
            yield page
            number = page.number + 1
    if number == 1:
        yield Page(1, "", place="book", read_by=ReadBy.EMPTY, note="There is no text in its chapters.")


def _title(named: list[str], blocks: list[Block], *, known: bool) -> str:
    """The chapter's title; empty for a part that goes on with the chapter before."""
    if len(named) == 1:
        return named[0]
    return "" if known else title_of(blocks)
