"""Reading PDF: the PDFium and pypdf wrappers, layout, headings, and highlights."""
