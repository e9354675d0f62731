"""PDFium, and nothing else that knows it: words with their places, outline, labels, pictures of pages."""

from docent.loading.pdfium.document import NeedsPassword, Pdf, Unopened
from docent.loading.pdfium.page import WIDEST, PdfPage
from docent.loading.pdfium.painted import INVISIBLE, Style

__all__ = ["INVISIBLE", "WIDEST", "NeedsPassword", "Pdf", "PdfPage", "Style", "Unopened"]
