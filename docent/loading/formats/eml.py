"""Mail: the message under its subject, then each attachment as a document of its own."""

from __future__ import annotations

import email
import email.policy
import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import Message as MailMessage
from email.utils import parsedate_to_datetime
from pathlib import PurePath

from docent.errors import LoadError
from docent.loading.file_types import describe_mismatch, detect_kind, open_contents
from docent.loading.formats.html import decode_html, parse_html
from docent.loading.formats.section_pages import Block, clean_blocks, split_into_pages
from docent.loading.job import Contents, InputFile, Job, StepReporter, unforeseen_failure
from docent.loading.text_cleaning import decode_bytes
from docent.messages import Message, joined
from docent.types import Page, ReadBy

SHOWN_HEADERS = ("From", "To", "Cc", "Date")
SIGNATURES = ("application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature")
MAX_DEPTH = 4  # of messages within messages
MAX_PARTS = 500
HTML_RATIO = 3  # an HTML body this many times longer than the plain one is the real message
MIN_IMAGE_BYTES = 50_000  # a smaller picture inside a message is a logo or a smiley


@dataclass(slots=True)
class MailParts:
    """The parts of a message."""

    plain: list[str] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    attached: list[tuple[str, bytes]] = field(default_factory=list)
    small_images: int = 0
    has_more_parts: bool = False
    """The message has more parts than are read."""


def read(source: InputFile, *, job: Job, report_step: StepReporter) -> Contents:
    return _read(source, job, report_step, depth=1)


def _read(source: InputFile, job: Job, report_step: StepReporter, depth: int) -> Contents:
    message = email.message_from_bytes(source.read_all(), policy=email.policy.default)
    parts = _parts(message)
    return Contents(
        pages=_pages(message, parts, job, report_step, depth),
        title=_header(message, "Subject"),
        created=_date(message),
        note=_describe_unread(parts),
    )


def _describe_unread(parts: MailParts) -> str:
    """Return a note on the parts of the message that were not read."""
    notes = []
    if parts.small_images:
        one = parts.small_images == 1
        notes.append(
            Message("1 small picture in the message was not read.")
            if one
            else Message("{count} small pictures in the message were not read.", count=parts.small_images)
        )
    if parts.has_more_parts:
        notes.append(Message("Only the first {most} parts of the message were read.", most=MAX_PARTS))
    return joined(notes, " ")


def _parts(message: MailMessage) -> MailParts:
    parts = MailParts()
    queue = [message]
    count = 0
    while queue and count < MAX_PARTS:
        part = queue.pop(0)
        count += 1
        kind = part.get_content_type()
        name = _name(part)
        if kind == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], MailMessage):
                subject = _header(inner[0], "Subject") or "forwarded message"
                parts.attached.append((name or f"{subject}.eml", _bytes_of(inner[0])))
        elif part.is_multipart():
            payload = part.get_payload()
            queue[:0] = (
                [inner for inner in payload if isinstance(inner, MailMessage)]
                if isinstance(payload, list)
                else []
            )
        elif kind in SIGNATURES:
            continue
        elif kind in ("text/plain", "text/html") and not _is_attachment(part, name):
            (parts.html if kind == "text/html" else parts.plain).append(_text(part, kind))
        else:
            data = _data(part)
            if kind.startswith("image/") and len(data) < MIN_IMAGE_BYTES and not _is_attachment(part, ""):
                parts.small_images += 1
            elif data:
                parts.attached.append((name or f"attachment.{part.get_content_subtype()}", data))
    parts.has_more_parts = bool(queue)
    return parts


def _is_attachment(part: MailMessage, name: str) -> bool:
    return part.get_content_disposition() == "attachment" or bool(name)


def _name(part: MailMessage) -> str:
    try:
        name = part.get_filename() or ""
    except (ValueError, LookupError, TypeError, AttributeError):
        return "attachment"  # the standard library fails on some malformed names
    return PurePath(str(name).replace("\\", "/")).name


def _data(part: MailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _bytes_of(message: MailMessage) -> bytes:
    try:
        return message.as_bytes(policy=email.policy.compat32)
    except (ValueError, LookupError, TypeError, AttributeError):
        return str(message.get_payload()).encode("utf-8", "replace")


def _text(part: MailMessage, kind: str) -> str:
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


def _header(message: MailMessage, name: str) -> str:
    try:
        value = str(message.get(name) or "")
    except (ValueError, LookupError, TypeError, AttributeError):
        # The standard library fails to parse some malformed headers; their text is still there.
        value = next((str(text) for key, text in message._headers if key.lower() == name.lower()), "")  # type: ignore[attr-defined]
    return " ".join(value.split())


def _date(message: MailMessage) -> str:
    try:
        return parsedate_to_datetime(_header(message, "Date")).date().isoformat()
    except (ValueError, TypeError, IndexError):
        return ""


def _pages(
    message: MailMessage, parts: MailParts, job: Job, report_step: StepReporter, depth: int
) -> Iterator[Page]:
    number = 1
    for page in split_into_pages(clean_blocks(_blocks(message, parts)), first=1, prefix=""):
        yield replace(page, place=page.place or "message")
        number = page.number + 1
    for name, data in parts.attached:
        report_step(
            number, "text"
        )  # an attachment that crashes its reader is set aside, and the rest is read
        for page in _attachment(name, data, job, report_step, number, depth):
            yield replace(page, place=f"attachment '{name}', {page.place}")
            number = page.number + 1


def _blocks(message: MailMessage, parts: MailParts) -> Iterator[Block]:
    yield Block(_header(message, "Subject") or "Message", level=1)
    for name in SHOWN_HEADERS:
        if value := _header(message, name):
            yield Block(f"{name}: {value}", tight=True)
    html_blocks = [block for text in parts.html for block in parse_html(text).blocks]
    plain = "\n".join(parts.plain).strip()
    if plain and sum(len(block.text) for block in html_blocks) < HTML_RATIO * len(plain):
        hidden = "\n".join(block.hidden for block in html_blocks if block.hidden)
        yield from (Block(paragraph) for paragraph in re.split(r"\n\s*\n", plain))
        yield Block("", hidden=hidden)
    else:
        yield from (replace(block, level=block.level and block.level + 1) for block in html_blocks)


def _attachment(
    name: str, data: bytes, job: Job, report_step: StepReporter, number: int, depth: int
) -> Iterator[Page]:
    """Yield the attachment's own pages, or one with the reason why there are none."""

    def unread(reason: str) -> Page:
        return Page(number, "", place="not read", read_by=ReadBy.FAILED, note=reason)

    if number in job.skip:
        yield unread(job.skip[number])
        return
    pages_before = number - 1
    source, inner = _attachment_file(name, data), _attachment_job(number, job)
    try:
        kind = detect_kind(source, job.limits)
        if kind == "eml" and depth >= MAX_DEPTH:
            yield unread(
                Message(
                    "{name} was not read: it is a message within {depth} others; deeper ones are not opened.",
                    name=name,
                    depth=depth,
                )
            )
            return

        def report_shifted(page: int, step: str) -> None:
            report_step(pages_before + page, step)

        contents = (
            _read(source, inner, report_shifted, depth + 1)
            if kind == "eml"
            else open_contents(source, kind, inner, report_step=report_shifted)
        )
        for page in contents.pages:
            number = pages_before + page.number + 1
            note = page.note
            if page.number == 1:
                note = joined((describe_mismatch(source, kind), contents.note, note), " ")
            yield replace(page, number=pages_before + page.number, place=page.where, note=note)
    except LoadError as error:
        yield unread(error.message)
    except MemoryError:
        raise
    except Exception as error:  # the rest of the message is read, and this page reports the error
        yield unread(unforeseen_failure(name, str(error)))


def _attachment_file(name: str, data: bytes) -> InputFile:
    return InputFile(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        suffix=PurePath(name).suffix.lower(),
        head=data[:65536],
        stream=io.BytesIO(data),
    )


def _attachment_job(number: int, job: Job) -> Job:
    """Return the job for an attachment whose first page has that number in the mail."""
    pages_before = number - 1
    return replace(
        job,
        first=max(1, job.first - pages_before),
        skip={page - pages_before: reason for page, reason in job.skip.items()},
        plain=frozenset(page - pages_before for page in job.plain),
    )
