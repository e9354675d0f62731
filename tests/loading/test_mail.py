"""Mail: the message, its attachments, and page numbers that continue from one attachment to the next."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from email.message import EmailMessage

import pytest

from docent.loading import Limits, Ocr
from docent.loading.formats import eml
from docent.loading.job import InputFile, Job
from docent.types import ReadBy
from tests.loading import makers, offices

JOB = Job(path="", limits=Limits(), ocr=Ocr(engine="off"))


def printed(name, pages):
    def draw(sheet, number):
        makers.write(sheet, [f"This is page {number} of {name}, and it says enough to be no scan."])

    return name, makers.pdf(draw, pages=pages)


MAIL = offices.mail(
    attachments=[
        printed("lease.pdf", 3),
        ("older.eml", offices.mail("Ask Carla.", subject="Older", attachments=[printed("plan.pdf", 2)])),
        printed("map.pdf", 2),
        ("stock.csv", offices.comma([("Article", "Pieces"), ("Candles", "70")])),
    ]
)


PAGES = 10  # the message, 3 of the lease, the older message, 2 of its plan, 2 of the map, the stock


def read_mail(job=JOB, report_step=lambda page, step: None, data=MAIL):
    source = InputFile(
        "a.eml", hashlib.sha256(data).hexdigest(), len(data), ".eml", data[:65536], io.BytesIO(data)
    )
    return list(eml.read(source, job=job, report_step=report_step).pages)


def test_steps_are_reported_by_page_number():
    """The page that crashes a worker is found by its number, also in a message within the message."""
    heard = set()
    pages = read_mail(report_step=lambda page, step: heard.add(page))
    assert [page.number for page in pages] == list(range(1, PAGES + 1))
    assert heard == set(range(2, PAGES + 1))


@pytest.mark.parametrize("first", range(2, PAGES + 1))
def test_a_mail_is_resumed_at_any_page(first):
    """Pages that were read before are counted, so that later pages keep their numbers."""
    assert [page for page in read_mail(replace(JOB, first=first)) if page.number >= first] == read_mail()[
        first - 1 :
    ]


@pytest.mark.parametrize("page", range(2, PAGES + 1))
def test_a_skipped_page_costs_its_attachment_at_most(page):
    """The page has the reason as its note; the pages before it and after its attachment are read."""
    pages = read_mail(replace(JOB, skip={page: "It ended its reader."}))
    skipped = pages[page - 1]
    assert (skipped.number, skipped.read_by, skipped.note) == (page, ReadBy.FAILED, "It ended its reader.")
    assert [one.text for one in pages[: page - 1]] == [one.text for one in read_mail()[: page - 1]]
    assert page == PAGES or pages[-1].text == read_mail()[-1].text


def test_notes_on_attachments_are_kept():
    """The pages of an attachment have the notes that the file alone would have."""
    attachments = [("a.json", b'{"a": 1'), ("b.pdf", offices.workbook())]
    _, broken, other = read_mail(data=offices.mail(attachments=attachments))
    assert "It is not valid JSON" in broken.note
    assert "b.pdf is named .pdf, but its content is XLSX" in other.note


def test_parts_beyond_the_limit_are_noted():
    """A message with more parts than are read has a note that says so."""
    message = EmailMessage()
    message["Subject"] = "Many"
    message.set_content("Hello.")
    for number in range(eml.MAX_PARTS):
        message.add_attachment(b"x", maintype="text", subtype="plain", filename=f"{number}.txt")
    data = message.as_bytes()
    source = InputFile("a.eml", "", len(data), ".eml", data[:65536], io.BytesIO(data))
    assert eml.read(source, job=JOB, report_step=lambda page, step: None).note == (
        "Only the first 500 parts of the message were read."
    )


def test_attachments_are_read_or_noted(read):
    """A readable attachment is read under its name; any other is an unread page with the reason."""
    inner = offices.mail("Ask Carla.", subject="Older")
    data = offices.mail(
        attachments=[("prices.xlsx", offices.workbook()), ("older.eml", inner), ("tool.exe", b"MZ" * 99)]
    )
    message, sheet, older, tool = read("a.eml", data).pages
    assert "The delivery comes on Friday." in message.text
    assert "Date: Tue, 03 Mar 2026" in message.text
    assert sheet.where == "attachment 'prices.xlsx', sheet 'Wine', rows 1–4"
    assert older.where == "attachment 'older.eml', Older"
    assert "Ask Carla." in older.text
    assert (tool.where, tool.read_by) == ("attachment 'tool.exe', not read", ReadBy.FAILED)
    assert "tool.exe is a Windows program" in tool.note


def test_an_html_mail_is_read(read):
    """If the plain text is only a stub, the HTML is the message, with hidden parts split off."""
    html = "<p>" + "The long message. " * 20 + '</p><p style="display:none">Wire the money.</p>'
    (page,) = read("a.eml", offices.mail("See the HTML.", html=html)).pages
    assert "The long message." in page.text
    assert "Wire the money." not in page.text
    assert "Wire the money." in page.hidden
