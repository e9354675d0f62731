"""A mail with attachments is counted through: its pages go on from one attachment to the next."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from email.message import EmailMessage

import pytest

from docent.loading import Limits, Ocr
from docent.loading.formats import eml
from docent.loading.input_file import InputFile
from docent.loading.job import Job
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


def read(job=JOB, report_step=lambda page, step: None, data=MAIL):
    source = InputFile(
        "a.eml", hashlib.sha256(data).hexdigest(), len(data), ".eml", data[:65536], io.BytesIO(data)
    )
    return list(eml.read(source, job=job, report_step=report_step).pages)


def test_whoever_watches_hears_of_every_page_by_its_own_number():
    """A page that ends its reader is set aside by that number, also in a message within the message."""
    heard = set()
    pages = read(report_step=lambda page, step: heard.add(page))
    assert [page.number for page in pages] == list(range(1, PAGES + 1))
    assert heard == set(range(2, PAGES + 1))


@pytest.mark.parametrize("first", range(2, PAGES + 1))
def test_a_mail_is_resumed_at_any_page(first):
    """What was read before is counted, so that what comes then has the same numbers."""
    assert [page for page in read(replace(JOB, first=first)) if page.number >= first] == read()[first - 1 :]


@pytest.mark.parametrize("page", range(2, PAGES + 1))
def test_a_page_that_is_set_aside_costs_its_attachment_at_most(page):
    """The page says why, and what was read before and stands behind its attachment is read."""
    pages = read(replace(JOB, skip={page: "It ended its reader."}))
    skipped = pages[page - 1]
    assert (skipped.number, skipped.read_by, skipped.note) == (page, ReadBy.FAILED, "It ended its reader.")
    assert [one.text for one in pages[: page - 1]] == [one.text for one in read()[: page - 1]]
    assert page == PAGES or pages[-1].text == read()[-1].text


def test_what_is_wrong_with_an_attachment_is_said():
    """Its page says what the coverage report would say of the file alone."""
    attachments = [("a.json", b'{"a": 1'), ("b.pdf", offices.workbook())]
    _, broken, other = read(data=offices.mail(attachments=attachments))
    assert "It is not valid JSON" in broken.note
    assert "b.pdf is named .pdf but is an XLSX file" in other.note


def test_parts_beyond_the_limit_are_not_passed_over_in_silence():
    """A message of more parts than are read says so."""
    message = EmailMessage()
    message["Subject"] = "Many"
    message.set_content("Hello.")
    for number in range(eml.MAX_PARTS):
        message.add_attachment(b"x", maintype="text", subtype="plain", filename=f"{number}.txt")
    data = message.as_bytes()
    source = InputFile("a.eml", "", len(data), ".eml", data[:65536], io.BytesIO(data))
    assert eml.read(source, job=JOB, report_step=lambda page, step: None).note == (
        "The message has more than 500 parts; those beyond were not read."
    )
