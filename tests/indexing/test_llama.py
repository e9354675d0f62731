from __future__ import annotations

import numpy as np
import pytest

from docent.indexing import chunk, embedded_text
from docent.indexing.fast_embedder import FastEmbedder
from docent.indexing.packaged_model import PACKAGED_MODEL, packaged_folder
from docent.types import Document, Page

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEXTS = [
    "Balance Sheet\n" + "\n".join(f"Row {n} {n * 100}" for n in range(90)),
    "Notes To The Accounts\nLeases.",
]


@pytest.fixture(scope="module")
def embedder():
    opened = FastEmbedder(packaged_folder(), name=PACKAGED_MODEL, threads=2)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def nodes(embedder):
    """What a plain llama-index pipeline makes of two pages, as its own PDF reader gives them."""
    from llama_index.core import Document as LlamaDocument
    from llama_index.core.ingestion import IngestionPipeline

    from docent.indexing.llama_index_adapters import ChunkNodeParser, DocentEmbedding

    pages = [
        LlamaDocument(
            text=text, metadata={"file_name": "acme_2023.pdf", "page_label": str(number), "x": "y" * 900}
        )
        for number, text in enumerate(TEXTS, 1)
    ]
    parser = ChunkNodeParser(embedder=embedder, size=200, overlap=25)
    return IngestionPipeline(
        transformations=[parser, DocentEmbedding(embedder=embedder)], disable_cache=True
    ).run(documents=pages)


def test_the_parser_cuts_as_docent_does(nodes, embedder):
    """In someone else's pipeline the chunks are the same as in ours."""
    pages = tuple(Page(number=number, text=text, label=str(number)) for number, text in enumerate(TEXTS, 1))
    ours = chunk(
        Document(sha256="0" * 64, name="acme_2023.pdf", kind="text", pages=pages),
        document_id="d",
        tokenizer=embedder.tokenizer,
        size=200,
        overlap=25,
        limit=256,
    )
    assert [node.text for node in nodes] == [piece.text for piece in ours]
    assert [node.metadata["header"] for node in nodes] == [piece.header for piece in ours]
    assert len(nodes) == 3


def test_what_is_embedded_is_what_docent_embeds(nodes, embedder):
    """Header and text are embedded, other metadata is not, and the vector is the engine's own."""
    from llama_index.core.schema import MetadataMode

    for node in nodes:
        text = f"{node.metadata['header']}\n{node.text}"
        assert node.get_content(metadata_mode=MetadataMode.EMBED) == text
        assert np.dot(node.embedding, embedder.embed([text])[0]) > 0.999


def test_a_node_says_where_it_is_from(nodes):
    """Positions are positions in the page, and the page is the node's source."""
    for node in nodes:
        page = TEXTS[int(node.metadata["page_label"]) - 1]
        assert page[node.start_char_idx : node.end_char_idx] == node.text
        assert node.ref_doc_id


async def test_questions_and_texts_from_an_event_loop(embedder):
    """The asynchronous half of the interface gives the same vectors."""
    from docent.indexing.llama_index_adapters import DocentEmbedding

    embedding = DocentEmbedding(embedder=embedder)
    assert await embedding.aget_query_embedding("net sales") == embedding.get_query_embedding("net sales")
    (row,) = await embedding.aget_text_embedding_batch(["net sales"])
    assert np.dot(row, embedding.get_text_embedding("net sales")) > 0.999


def test_embedded_text_is_header_and_text(embedder):
    """One place says what the model reads of a chunk."""
    doc = Document(sha256="0" * 64, name="a.txt", kind="text", pages=(Page(number=1, text="hello"),))
    (piece,) = chunk(doc, document_id="d", tokenizer=embedder.tokenizer, size=200, overlap=25, limit=256)
    assert embedded_text(piece) == "a | page 1\nhello"
