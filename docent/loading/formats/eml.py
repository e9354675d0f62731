"""Mail: the message under its subject, then each attachment as a document of its own."""

from __future__ import annotations

import email
import email.policy
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import PurePath

from docent.errors import LoadError
from docent.glossary import Page, ReadBy
from docent.loading.file_types import detect, mismatch, open_contents
from docent.loading.formats.html import decode_html, parse
from docent.loading.formats.section_pages import Block, pages, tidy
from docent.loading.input_file import Source, decode_bytes
from docent.loading.job import Contents, Job, Watch

SHOWN = ("From", "To", "Cc", "Date")
SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")
DEEPEST = 4  # messages within messages
MOST_PARTS = 500
FULLER = 3  # an HTML body this much longer than the plain one is the real message
ORNAMENT = 50_000  # bytes; a smaller picture inside a message is a logo or a smiley


@dataclass(slots=True)
class Parts:
    """A message taken apart."""

    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    attached: list[tuple[str, bytes]] = field(default_factory=list)
    ornaments: int = 0
    cut: bool = False
    """There are more parts than are read."""


def read(source: Source, *, job: Job, watch: Watch) -> Contents:
    return _read(source, job, watch, depth=1)


def _read(source: Source, job: Job, watch: Watch, depth: int) -> Contents:
    message = email.message_from_bytes(source.whole(), policy=email.policy.default)
    parts = _parts(message)
    return Contents(
        pages=_pages(message, parts, job, watch, depth),
        title=_header(message, "Subject"),
        created=_date(message),
        note=_note(parts),
    )


def _note(parts: Parts) -> str:
    """What of the message is not read."""
    said = []
    if parts.ornaments:
        pictures = "picture" if parts.ornaments == 1 else "pictures"
        were = "was" if parts.ornaments == 1 else "were"
        said.append(f"{parts.ornaments} small {pictures} in the message {were} not read.")
    if parts.cut:
        said.append(f"The message has more than {MOST_PARTS} parts; those beyond were not read.")
    return " ".join(said)


def _parts(message: Message) -> Parts:
    found = Parts()
    waiting = [message]
    counted = 0
    while waiting and counted < MOST_PARTS:
        part = waiting.pop(0)
        counted += 1
        kind = part.get_content_type()
        name = _name(part)
        if kind == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], Message):
                subject = _header(inner[0], "Subject") or "forwarded message"
                found.attached.append((name or f"{subject}.eml", _bytes_of(inner[0])))
        elif part.is_multipart():
            inside = part.get_payload()
            waiting[:0] = (
                [one for one in inside if isinstance(one, Message)] if isinstance(inside, list) else []
            )
        elif kind in SIGNATURES:
            continue
        elif kind in ("text/plain", "text/html") and not _attached(part, name):
            (found.html if kind == "text/html" else found.plain).append(_text(part, kind))
        else:
            data = _data(part)
            if kind.startswith("image/") and len(data) < ORNAMENT and not _attached(part, ""):
                found.ornaments += 1
            elif data:
                found.attached.append((name or f"attachment.{part.get_content_subtype()}", data))
    found.cut = bool(waiting)
    return found


def _attached(part: Message, name: str) -> bool:
    return part.get_content_disposition() == "attachment" or bool(name)


def _name(part: Message) -> str:
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError, TypeError, AttributeError):
        return "attachment"  # the standard library trips over some malformed names
    return PurePath(str(name).replace("\\", "/")).name


def _data(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _bytes_of(message: Message) -> bytes:
    try:
        return message.as_bytes(policy=email.policy.compat32)
    except (ValueError, LookupError, TypeError, AttributeError):
        return str(message.get_payload()).encode("utf-8", "replace")


def _text(part: Message, kind: str) -> str:
    data = _data(part)
    charset = part.get_content_charset()
    try:
        text = data.decode(charset) if charset else ""
    except (LookupError, UnicodeDecodeError):
        text = ""
    if not text:
        text = decode_html(data)[0] if kind == "text/html" else decode_bytes(data)[0]
    if part.get_param("format") == "flowed":
        text = re.sub(r"(?<=[^\s-]) \r?\n(?!>)", " ", text)
    return text.replace("\r\n", "\n")


def _header(message: Message, name: str) -> str:
    try:
        value = str(message.get(name) or "")
    except (ValueError, LookupError, TypeError, AttributeError):
        # The standard library's parser gives up on some malformed headers; the line itself is still there.
        value = next((str(said) for key, said in message._headers if key.lower() == name.lower()), "")  # type: ignore[attr-defined]
    return " ".join(value.split())


def _date(message: Message) -> str:
    try:
        return parsedate_to_datetime(_header(message, "Date")).date().isoformat()
    except (ValueError, TypeError, IndexError):
        return ""


def _pages(message: Message, parts: Parts, job: Job, watch: Watch, depth: int) -> Iterator[Page]:
    number = 1
    for page in pages(tidy(_blocks(message, parts)), first=1, prefix=""):
        yield replace(page, place=page.place or "message")
        number = page.number + 1
    for name, data in parts.attached:
        watch(number, "text")  # one that ends its reader is set aside, and the rest is read
        for page in _attachment(name, data, job, watch, number, depth):
            yield replace(page, place=f"attachment '{name}', {page.place}")
            number = page.number + 1


def _blocks(message: Message, parts: Parts) -> Iterator[Block]:
    yield Block(_header(message, "Subject") or "Message", level=1)
    for name in SHOWN:
        if value := _header(message, name):
            yield Block(f"{name}: {value}", tight=True)
    written = [block for text in parts.html for block in parse(text).blocks]
    plain = "\n".join(parts.plain).strip()
    if plain and sum(len(block.text) for block in written) < FULLER * len(plain):
        hidden = "\n".join(block.hidden for block in written if block.hidden)
        yield from (Block(paragraph) for paragraph in re.split(r"\n\s*\n", plain))
        yield Block("", hidden=hidden)
    else:
        yield from (replace(block, level=block.level and block.level + 1) for block in written)


def _attachment(name: str, data: bytes, job: Job, watch: Watch, number: int, depth: int) -> Iterator[Page]:
    """The attachment's own pages, or one that says why there are none."""

    def unread(why: str) -> Page:
        return Page(number, "", place="not read", read_by=ReadBy.FAILED, note=why)

    if number in job.skip:
        yield unread(job.skip[number])
        return
    before = number - 1
    source, inner = _as_file(name, data), _from_page(number, job)
    try:
        kind = detect(source, job.limits)
        if kind == "eml" and depth >= DEEPEST:
            yield unread(f"{name} is a message within {depth} others; deeper ones are not opened.")
            return
        shifted = _shifted(watch, before)
        contents = (
            _read(source, inner, shifted, depth + 1)
            if kind == "eml"
            else open_contents(source, kind, inner, watch=shifted)
        )
        about = " ".join(filter(None, (mismatch(source, kind), contents.note)))
        for page in contents.pages:
            number = before + page.number + 1
            note = f"{about} {page.note}".strip() if page.number == 1 else page.note
            yield replace(page, number=before + page.number, place=page.where, note=note)
    except LoadError as error:
        yield unread(str(error))
    except MemoryError:
        raise
    except Exception as error:  # the message is read all the same, and its page says what is wrong
        yield unread(f"{name} is damaged or unusual in a way its reader does not know ({error}).")


def _as_file(name: str, data: bytes) -> Source:
    return Source(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        suffix=PurePath(name).suffix.lower(),
        head=data[:65536],
        stream=io.BytesIO(data),
    )


def _from_page(number: int, job: Job) -> Job:
    """The same for an attachment, whose own first page has that number in the mail."""
    before = number - 1
    return replace(
        job,
        first=max(1, job.first - before),
        skip={page - before: why for page, why in job.skip.items()},
        plain=frozenset(page - before for page in job.plain),
    )


def _shifted(watch: Watch, before: int) -> Watch:
    """The same, for pages that are counted on from those before."""
    return lambda page, step: watch(before + page, step)
