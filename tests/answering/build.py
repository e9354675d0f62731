"""Passages for tests, cut from a page whose text the test knows."""

from __future__ import annotations

import hashlib
from pathlib import Path

from docent.indexing import chunk, embedded_text
from docent.store import Store
from docent.types import Document, Heading, Page, Passage, SourceFile, document_id
from tests.fakes.embedder import WordHashEmbedder

PAGE = (
    "Opening hours\n\nThe museum opens at 9:30 and closes at 18:00. On Thursdays it stays open until 21:00.\n"
    "Admission is 12.50 euro; children under twelve enter free.\n\nThe café on the roof serves soup and cake."
)


def passage(
    text: str = PAGE, *, start: int = 0, n: int = 1, header: str = "museum | Opening hours"
) -> Passage:
    return Passage(
        chunk_id=f"c{n}", document_id=f"d{n}", file=f"museum{n}.pdf", library="l", page=3, page_label="",
        place="p. 3", heading="Opening hours", header=header, text=text, start=start, end=start + len(text),
        score=1.0 / n,
    )  # fmt: skip


def stored(folder: Path, texts: dict[str, str], *, chunk_tokens: int = 60) -> Store:
    """A real store with documents of one page for each form feed in their text; close it after use.

    The name's folder is the library: {"handbook/leave.txt": "…"}. A .csv file's pages begin with its columns.
    """
    embedder = WordHashEmbedder()
    store = Store(folder, fingerprint=embedder.fingerprint)
    for name, text in texts.items():
        library, _, path = name.rpartition("/")
        file = folder.parent / "files" / library / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        table = path.endswith(".csv")
        pages = tuple(
            Page(number, part, headings=(Heading(0, part.partition("\n")[0]),) if table else ())
            for number, part in enumerate(text.split("\f"), 1)
        )
        document = Document(sha256=sha256, name=path, kind="csv" if table else "text", pages=pages)
        chunks = chunk(
            document,
            document_id=document_id(library, sha256),
            tokenizer=embedder.tokenizer,
            size=chunk_tokens,
            overlap=8,
            limit=embedder.max_tokens,
        )
        stat = file.stat()
        source = SourceFile(library, path, file, stat.st_size, stat.st_mtime_ns)
        store.put(source, document, chunks, embedder.embed([embedded_text(one) for one in chunks]))
    return store
