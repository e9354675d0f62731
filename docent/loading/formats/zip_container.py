"""ZIP containers of Office files and e-books, checked before anything inside is parsed, and their XML."""

from __future__ import annotations

import lzma
import re
import zipfile
import zlib
from typing import IO, Any

from lxml import etree

from docent.errors import EncryptedFile, HarmfulFile, UnreadableFile
from docent.loading.job import Limits

BLOCK = 1 << 20
OVERLAP = 64
XML = re.compile(r"\.(xml|rels|opf|ncx|vml)$", re.IGNORECASE)
MARKUP = re.compile(r"\.(x?html?|svg)$", re.IGNORECASE)
ENTITY = re.compile(rb"<!ENTITY|<\0!\0E\0N\0T\0I\0T\0Y\0|\0<\0!\0E\0N\0T\0I\0T\0Y")
# A chapter of an older e-book may declare &nbsp; for itself; one that refers further is up to something.
CHAINED = re.compile(rb"<!ENTITY[^>]{0,200}?(SYSTEM|PUBLIC|&\w+;)")

Damaged = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, ValueError, OSError,
    EOFError, KeyError,
)  # fmt: skip
"""What zipfile raises on a container that is cut or garbled."""


def open_package(stream: IO[bytes], name: str, limits: Limits) -> zipfile.ZipFile:
    """The container, when it keeps to the limits. Raises LoadError with the reason."""
    stream.seek(0)
    try:
        archive = zipfile.ZipFile(stream)
    except Damaged as error:
        raise damaged(name, error) from error
    entries = archive.infolist()
    if len(entries) > limits.zip_entries:
        raise HarmfulFile(
            f"{name} holds {len(entries):,} files inside; at most {limits.zip_entries:,} are opened. "
            "Remove it if you do not know where it comes from."
        )
    expanded = sum(entry.file_size for entry in entries)
    if expanded > limits.expanded_bytes:
        raise HarmfulFile(
            f"{name} expands to {expanded / 1e6:,.0f} MB; at most {limits.expanded_bytes / 1e6:,.0f} MB are "
            "unpacked. Split it, or remove it if you do not know where it comes from."
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise EncryptedFile(
            f"{name} is locked with a password, which only its own program can open. "
            "Open it there, save it without a password and add it again."
        )
    return archive


def read_part(archive: zipfile.ZipFile, part: str, name: str) -> bytes:
    """One of the files inside. Raises UnreadableFile with the reason."""
    try:
        return archive.read(part)
    except Damaged as error:
        raise damaged(name, error) from error


def check_entities(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse XML that declares entities: no program writes them, and they serve to expand or to fetch."""
    for entry in archive.infolist():
        wanted = ENTITY if XML.search(entry.filename) else CHAINED if MARKUP.search(entry.filename) else None
        if wanted is None:
            continue
        try:
            with archive.open(entry) as part:
                tail = b""
                while block := part.read(BLOCK):
                    if wanted.search(tail + block):
                        raise HarmfulFile(
                            f"{name} declares entities of its own in {entry.filename}, which documents "
                            "do not do and attacks do. Save it again from its own program, or remove it."
                        )
                    tail = block[-OVERLAP:]
        except Damaged as error:
            raise damaged(name, error) from error


def damaged(name: str, error: Exception) -> UnreadableFile:
    return UnreadableFile(
        f"{name} is damaged: its ZIP container cannot be opened ({error}). Copy or download it again."
    )


def parse_xml(data: bytes, name: str, *, forgiving: bool = False) -> Any:
    """The root element; small faults are passed over where asked. Raises UnreadableFile with the reason."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
        remove_pis=True, recover=forgiving,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise broken(name, str(error)) from error
    if root is None:
        raise broken(name, "there is nothing in it")
    return root


def broken(name: str, why: str) -> UnreadableFile:
    return UnreadableFile(
        f"{name} is damaged: a part of it is not well-formed ({why}). "
        "Open it in its own program, save it again and add that copy."
    )
