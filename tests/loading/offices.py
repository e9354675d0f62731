"""Office files, e-books and mails, generated as their own programs write them."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from email.message import EmailMessage

import docx
import openpyxl
import pptx
from docx.enum.text import WD_BREAK
from pptx.util import Inches

WINES = [
    ("Wine", "Producer", "Year", "Price"),
    ("Barolo", "Cantina Nova", "2016", "48"),
    ("Chablis", "Domaine Vert", "2021", "29"),
    ("Rioja", "Bodega Alta", "2018", "19"),
]


def saved(thing):
    out = io.BytesIO()
    thing.save(out)
    return out.getvalue()


def zipped(parts, *, stored=()):
    """Return a ZIP of names and contents; names in `stored` are not compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            kind = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, kind)
    return out.getvalue()


def with_part(package, name, content):
    """Return a package with one part added or replaced."""
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        parts = {one: archive.read(one) for one in archive.namelist()}
    return zipped(parts | {name: content})


def word(build=None):
    document = docx.Document()
    if build is None:
        document.add_heading("Staff handbook", 0)
        document.add_heading("Leave", 1)
        document.add_paragraph("You have twenty-five days of leave.")
        document.add_heading("Parental leave", 2)
        document.add_paragraph("Parents have sixteen weeks.")
    else:
        build(document)
    return saved(document)


def hide(run):
    run.font.hidden = True


def page_break(document):
    document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)


def slides(build=None):
    show = pptx.Presentation()
    if build is not None:
        build(show)
        return saved(show)
    for number, (title, body) in enumerate([("Roadmap", "Ship in May"), ("Budget", "Two million")], 1):
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = body
        slide.notes_slide.notes_text_frame.text = f"Say this loudly on slide {number}."
    return saved(show)


def text_box(slide, text, *, left=1.0, top=1.0):
    box = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(3), Inches(1))
    box.text_frame.text = text
    return box


def workbook(build=None):
    book = openpyxl.Workbook()
    if build is not None:
        build(book)
    else:
        book.active.title = "Wine"
        for row in WINES:
            book.active.append([int(cell) if cell.isdigit() else cell for cell in row])
    return saved(book)


def comma(rows=WINES, *, separator=",", encoding="utf-8"):
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    return out.getvalue().encode(encoding)


def book(chapters=(("The Shore", "Gulls wheel."), ("The Sea", "Waves roll.")), **extra):
    """Return an EPUB 3 with a table of contents."""
    items = "".join(
        f'<item id="c{n}" href="text/c{n}.xhtml" media-type="application/xhtml+xml"/>'
        for n in range(1, len(chapters) + 1)
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(1, len(chapters) + 1))
    toc = "".join(
        f'<li><a href="text/c{n}.xhtml">{title}</a></li>' for n, (title, _) in enumerate(chapters, 1)
    )
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<?xml version="1.0"?><container version="1.0" '
        'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
        'full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "OEBPS/book.opf": '<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Salt</dc:title>'
        "<dc:language>en</dc:language><dc:date>2024-05-06</dc:date></metadata><manifest>"
        '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
        f"{items}</manifest><spine>{spine}</spine></package>",
        "OEBPS/nav.xhtml": '<html xmlns="http://www.w3.org/1999/xhtml"><body><nav>'
        f"<ol>{toc}</ol></nav></body></html>",
    }
    for n, (title, text) in enumerate(chapters, 1):
        parts[f"OEBPS/text/c{n}.xhtml"] = (
            f'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head>'
            f"<body><h1>{title}</h1><p>{text}</p></body></html>"
        )
    return zipped(parts | extra, stored={"mimetype"})


def rich(body=r"\pard\s1\outlinelevel0 Leave\par\pard You have twenty-five days.\par"):
    return (
        r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\colortbl;\red255\green255\blue255;}"
        r"{\info{\title Staff handbook}{\creatim\yr2025\mo3\dy4}}" + body + "}"
    ).encode("ascii")


ODF = "urn:oasis:names:tc:opendocument:xmlns"


def writer(
    body='<text:h text:outline-level="1">Leave</text:h><text:p>You have twenty-five days.</text:p>', styles=""
):
    spaces = " ".join(f'xmlns:{name}="{ODF}:{name}:1.0"' for name in ("office", "text", "table", "style"))
    spaces += f' xmlns:fo="{ODF}:xsl-fo-compatible:1.0" xmlns:draw="{ODF}:drawing:1.0"'
    content = (
        f'<?xml version="1.0"?><office:document-content {spaces}><office:automatic-styles>{styles}'
        f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body>"
        "</office:document-content>"
    )
    meta = (
        f'<office:document-meta xmlns:office="{ODF}:office:1.0" xmlns:meta="{ODF}:meta:1.0" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><office:meta><dc:title>Staff handbook</dc:title>'
        "<meta:creation-date>2025-03-04T10:00:00</meta:creation-date></office:meta></office:document-meta>"
    )
    parts = {"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content, "meta.xml": meta}
    return zipped(parts, stored={"mimetype"})


def sheets(tables=None, styles=""):
    """An OpenDocument spreadsheet; `tables` are its sheets by name, as XML or as rows of texts."""
    spaces = " ".join(f'xmlns:{name}="{ODF}:{name}:1.0"' for name in ("office", "text", "table", "style"))
    bodies = {
        name: rows
        if isinstance(rows, str)
        else "".join(
            "<table:table-row>"
            + "".join(f"<table:table-cell><text:p>{cell}</text:p></table:table-cell>" for cell in row)
            + "</table:table-row>"
            for row in rows
        )
        for name, rows in (tables or {"Wine": WINES}).items()
    }
    body = "".join(f'<table:table table:name="{name}">{rows}</table:table>' for name, rows in bodies.items())
    content = (
        f'<?xml version="1.0"?><office:document-content {spaces}><office:automatic-styles>{styles}'
        f"</office:automatic-styles><office:body><office:spreadsheet>{body}</office:spreadsheet></office:body>"
        "</office:document-content>"
    )
    parts = {"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "content.xml": content}
    return zipped(parts, stored={"mimetype"})


def mail(text="The delivery comes on Friday.", *, html="", attachments=(), subject="Your delivery"):
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = "Ada <ada@example.org>"
    message["To"] = "Ben <ben@example.org>"
    message["Date"] = "Tue, 03 Mar 2026 10:00:00 +0100"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, data in attachments:
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


def records(rows=WINES):
    head, *below = rows
    return json.dumps([dict(zip(head, row, strict=True)) for row in below]).encode()


CODE = b'''"""Prices."""


def net(price):
    return price / 1.2


class Cellar:
    def count(self):
        return 12
'''
WEB = (
    b"<!DOCTYPE html><html lang=en><title>Handbook</title><body><nav>Home</nav><h1>Handbook</h1>"
    b"<h2>Leave</h2><p>You have twenty-five days.</p></body></html>"
)
