"""The pipeline that tutorials teach, as a baseline: all parts and defaults of llama-index.

SimpleDirectoryReader, SentenceSplitter, HuggingFaceEmbedding and ChromaVectorStore of llama-index, with the
model that Docent uses. SimpleDirectoryReader reads PDFs only with llama-index-readers-file, which pins an
older pypdf. Where that is missing, a small reader does the same: pypdf's `extract_text` on each page. To use
the real one, install it into another folder:

    pip install --no-deps --target FOLDER llama-index-readers-file defusedxml
    PYTHONPATH=FOLDER nice python -m bench.tutorial --data FOLDER --index FOLDER

The index is written file by file, so that an interrupted run continues where it ended.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from docent.indexing.packaged_model import packaged_folder

OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "ANONYMIZED_TELEMETRY": "False"}
SMALL_FILES = 50  # ingested at once; a PDF is ingested by itself
HAS_READER = find_spec("llama_index.readers") is not None
"""True if llama-index's own reader of PDFs is installed."""


class TutorialHit(NamedTuple):
    file: str
    page: int
    text: str
    score: float


def build(data: Path, index: Path) -> None:
    """Read, chunk, embed and store every file that is not stored yet."""
    from llama_index.core import SimpleDirectoryReader, StorageContext, VectorStoreIndex

    done_in = index / "done.json"
    done: list[str] = json.loads(done_in.read_text()) if done_in.exists() else []
    files = [path for path in sorted(data.rglob("*.*")) if path.name not in done]
    pdfs = any(path.suffix == ".pdf" for path in files)
    embedder, storage = _embedder(), StorageContext.from_defaults(vector_store=_chroma(index))
    began = time.perf_counter()
    step = 1 if pdfs else SMALL_FILES
    for at in range(0, len(files), step):
        batch = files[at : at + step]
        documents = SimpleDirectoryReader(input_files=batch, file_extractor=readers()).load_data()
        VectorStoreIndex.from_documents(documents, storage_context=storage, embed_model=embedder)
        done += [path.name for path in batch]
        done_in.write_text(json.dumps(done))
        print(f"{len(done)} files, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def open_index(index: Path, limit: int) -> Callable[[str, str], list[TutorialHit]]:
    """Return a search for the nearest chunks to a question, in one file or, with "", in all."""
    from llama_index.core import VectorStoreIndex
    from llama_index.core.vector_stores import ExactMatchFilter, MetadataFilters

    stored = VectorStoreIndex.from_vector_store(_chroma(index), embed_model=_embedder())

    def find(question: str, file: str) -> list[TutorialHit]:
        filters = MetadataFilters(filters=[ExactMatchFilter(key="file_name", value=file)]) if file else None
        nodes = stored.as_retriever(similarity_top_k=limit, filters=filters).retrieve(question)
        return [
            TutorialHit(
                str(node.metadata["file_name"]),
                int(node.metadata.get("page_label", 1)),
                node.get_content(),
                node.score or 0.0,
            )
            for node in nodes
        ]

    return find


def readers() -> dict[str, Any]:
    """Return a replacement for llama-index's reader of PDFs; nothing where that is installed.

    Without either, a PDF's bytes would silently be read as text.
    """
    if HAS_READER:
        return {}
    from llama_index.core.readers.base import BaseReader
    from llama_index.core.schema import Document
    from pypdf import PdfReader

    class PypdfReader(BaseReader):
        def load_data(self, file: Path, extra_info: dict[str, Any]) -> list[Document]:
            return [
                Document(text=page.extract_text(), metadata={"page_label": str(number)} | extra_info)
                for number, page in enumerate(PdfReader(file).pages, 1)
            ]

    return {".pdf": PypdfReader()}


def _embedder() -> Any:
    os.environ |= OFFLINE
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    return HuggingFaceEmbedding(model_name=str(packaged_folder()))


def _chroma(index: Path) -> Any:
    os.environ |= OFFLINE
    import chromadb
    from llama_index.vector_stores.chroma import ChromaVectorStore

    client = chromadb.PersistentClient(path=str(index))
    return ChromaVectorStore(chroma_collection=client.get_or_create_collection("tutorial"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of documents")
    parser.add_argument("--index", type=Path, required=True, help="where the index is kept")
    return parser.parse_args()


if __name__ == "__main__":
    args = _arguments()
    args.index.mkdir(parents=True, exist_ok=True)
    build(args.data, args.index)
