"""The messages between a worker and its parent: JSON in frames that begin with their length.

JSON and not pickle: a document that takes over a worker must not be able to run code in the parent.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import asdict
from typing import IO, Any

from docent.loading.job import Job, Limits, Ocr
from docent.messages import Message, restored, stored
from docent.types import Heading, Line, Page, ReadBy

FRAME_LENGTH = struct.Struct(">I")
MAX_FRAME_BYTES = 256 << 20
MAX_MESSAGE_CHARS = 10_000
SURROGATE = re.compile("[\ud800-\udfff]")


def write(stream: IO[bytes], message: dict[str, Any]) -> None:
    body = json.dumps(message, separators=(",", ":")).encode()
    stream.write(FRAME_LENGTH.pack(len(body)) + body)
    stream.flush()


def read(stream: IO[bytes]) -> dict[str, Any] | None:
    """Return the next message, or None when the other side has closed."""
    head = stream.read(FRAME_LENGTH.size)
    if len(head) < FRAME_LENGTH.size:
        return None
    body = stream.read(FRAME_LENGTH.unpack(head)[0])
    message: dict[str, Any] = json.loads(body)
    return message


def clean_text(value: object) -> str:
    """Return the text with lone surrogates replaced: JSON can hold them, tokenizers fail on them.

    Positions in the text stay the same.
    """
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        return SURROGATE.sub("\ufffd", text)
    return text


def message_from_wire(value: object) -> Message:
    """Return a message as `stored` wrote it; a text that is none, or holds lone surrogates, stays plain."""
    message = restored(clean_text(value)[:MAX_MESSAGE_CHARS])
    cleaned = clean_text(message)[:MAX_MESSAGE_CHARS]
    return message if cleaned == message else Message(cleaned)


def job_to_wire(job: Job) -> dict[str, Any]:
    return {
        "path": job.path,
        "limits": asdict(job.limits),
        "ocr": asdict(job.ocr),
        "password": job.password,
        "first": job.first,
        "skip": [(page, stored(reason)) for page, reason in job.skip.items()],
        "plain": sorted(job.plain),
    }


def job_from_wire(data: dict[str, Any]) -> Job:
    ocr = {**data["ocr"], "languages": tuple(data["ocr"]["languages"])}
    return Job(
        path=data["path"],
        limits=Limits(**data["limits"]),
        ocr=Ocr(**ocr),
        password=data["password"],
        first=data["first"],
        skip={int(page): restored(reason) for page, reason in data["skip"]},
        plain=frozenset(data["plain"]),
    )


def page_to_wire(page: Page) -> dict[str, Any]:
    return {
        "number": page.number,
        "text": page.text,
        "label": page.label,
        "place": page.place,
        "read_by": page.read_by.value,
        "note": stored(page.note),
        "hidden": page.hidden,
        "confidence": page.confidence,
        "headings": [(heading.start, heading.text, heading.level) for heading in page.headings],
        "lines": [(line.start, line.end, line.role, *line.box) for line in page.lines],
        "size": page.size,
    }


def page_from_wire(data: dict[str, Any]) -> Page:
    """Rebuild a page. Raises ValueError where a heading or a line lies outside the page's text."""
    text = clean_text(data["text"])
    length = len(text)

    def position(value: Any) -> int:
        if not isinstance(value, int) or not 0 <= value <= length:
            raise ValueError(f"position {value!r} outside a text of {length} characters")
        return value

    return Page(
        number=int(data["number"]),
        text=text,
        label=clean_text(data["label"]),
        place=clean_text(data["place"]),
        read_by=ReadBy(data["read_by"]),
        note=message_from_wire(data["note"]),
        hidden=clean_text(data["hidden"]),
        confidence=float(data["confidence"]),
        headings=tuple(
            Heading(position(start), clean_text(title), int(level))
            for start, title, level in data["headings"]
        ),
        lines=tuple(
            Line(position(start), position(end), (float(left), float(top), float(right), float(bottom)), role)
            for start, end, role, left, top, right, bottom in data["lines"]
        ),
        size=(float(data["size"][0]), float(data["size"][1])),
    )
