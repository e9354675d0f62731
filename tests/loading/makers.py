"""Small PDFs, generated for the tests."""

from __future__ import annotations

import io

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas


def pdf(draw, *, pages=1, size=A4, **options):
    """Return a PDF whose pages are drawn by `draw(canvas, number)`."""
    out = io.BytesIO()
    sheet = canvas.Canvas(out, pagesize=size, invariant=1, **options)
    for number in range(1, pages + 1):
        draw(sheet, number)
        sheet.showPage()
    sheet.save()
    return out.getvalue()


def write(sheet, lines, *, x=72, y=760, size=11, leading=15, font="Helvetica"):
    """Write lines of text, one below the other."""
    sheet.setFont(font, size)
    for index, line in enumerate(lines):
        sheet.drawString(x, y - index * leading, line)
