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
from docent.messages import Message

BLOCK_BYTES = 1 << 20
OVERLAP_BYTES = 64
XML_PART = re.compile(r"\.(xml|rels|opf|ncx|vml)$", re.IGNORECASE)
HTML_PART = re.compile(r"\.(x?html?|svg)$", re.IGNORECASE)
ENTITY_DECLARATION = re.compile(rb"<!ENTITY|<\0!\0E\0N\0T\0I\0T\0Y\0|\0<\0!\0E\0N\0T\0I\0T\0Y")
# A chapter of an older e-book may declare &nbsp;. An entity that refers to others or to a file is an attack.
NESTED_ENTITY = re.compile(rb"<!ENTITY[^>]{0,200}?(SYSTEM|PUBLIC|&\w+;)")

DAMAGE_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, RuntimeError, ValueError, OSError,
    EOFError, KeyError,
)  # fmt: skip
"""Raised by zipfile on a truncated or corrupt container."""


def open_zip(stream: IO[bytes], name: str, limits: Limits) -> zipfile.ZipFile:
    """Open a container that keeps to the limits. Raises LoadError.

    This goes by the sizes that the container declares. Python's zipfile never unpacks more than those, so
    nothing can expand beyond the limits later.
    """
    stream.seek(0)
    try:
        archive = zipfile.ZipFile(stream)
    except DAMAGE_ERRORS as error:
        raise damaged_zip(name, error) from error
    entries = archive.infolist()
    if len(entries) > limits.zip_entries:
        raise HarmfulFile(
            "{name} holds {n:,} files inside; at most {most:,} are opened. Remove it if you do not "
            "know where it comes from.",
            name=name,
            n=len(entries),
            most=limits.zip_entries,
        )
    expanded = sum(entry.file_size for entry in entries)
    if expanded > limits.expanded_bytes:
        raise HarmfulFile(
            "{name} expands to {size:,.0f} MB; at most {most:,.0f} MB are unpacked. Split it, or "
            "remove it if you do not know where it comes from.",
            name=name,
            size=expanded / 1000000.0,
            most=limits.expanded_bytes / 1000000.0,
        )
    if any(entry.flag_bits & 1 for entry in entries):
        raise EncryptedFile(
            "{name} is locked with a password, which only its own program can open. Open it there, "
            "save it without a password and add it again.",
            name=name,
        )
    return archive


def read_zip_entry(archive: zipfile.ZipFile, part: str, name: str) -> bytes:
    """Return one of the files inside. Raises UnreadableFile."""
    try:
        return archive.read(part)
    except DAMAGE_ERRORS as error:
        raise damaged_zip(name, error) from error


def refuse_entities(archive: zipfile.ZipFile, name: str) -> None:
    """Raise HarmfulFile for XML that declares entities: programs write none, attacks expand or fetch them."""
    for entry in archive.infolist():
        pattern = (
            ENTITY_DECLARATION
            if XML_PART.search(entry.filename)
            else NESTED_ENTITY
            if HTML_PART.search(entry.filename)
            else None
        )
        if pattern is None:
            continue
        try:
            with archive.open(entry) as part:
                tail = b""
                while block := part.read(BLOCK_BYTES):
                    if pattern.search(tail + block):
                        raise HarmfulFile(
                            "{name} declares XML entities in {part}, as attacks do and documents do not. "
                            "Save it again from its own program, or remove it.",
                            name=name,
                            part=entry.filename,
                        )
                    tail = block[-OVERLAP_BYTES:]
        except DAMAGE_ERRORS as error:
            raise damaged_zip(name, error) from error


def damaged_zip(name: str, error: Exception) -> UnreadableFile:
    return UnreadableFile(
        "{name} is damaged: its ZIP container cannot be opened ({why}). Copy or download it again.",
        name=name,
        why=error,
    )


def parse_xml(data: bytes, name: str, *, lenient: bool = False) -> Any:
    """Parse XML without entities, network, or unlimited depth, and return the root element.

    `lenient` parsing skips small faults. Raises UnreadableFile.
    """
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
        remove_pis=True, recover=lenient,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise malformed_xml(name, str(error)) from error
    if root is None:
        raise malformed_xml(name, Message("it is empty"))
    return root


def malformed_xml(name: str, reason: str) -> UnreadableFile:
    return UnreadableFile(
        "{name} is damaged: a part of it is not well-formed ({why}). Open it in its own program, "
        "save it again and add that copy.",
        name=name,
        why=reason,
    )
