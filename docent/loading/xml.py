"""XML from a stranger's file: no entities, no network, no documents of unlimited depth or size."""

from __future__ import annotations

from typing import Any

from lxml import etree

from docent.errors import UnreadableFile


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
