"""Docent's chunker, embedder and retriever in real llama-index pipelines."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from docent.indexing import chunk, embedded_text
from docent.indexing.embedder import FastEmbedder, packaged_model
from docent.indexing.packaged_model import PACKAGED_MODEL
from docent.retrieving import retrieve
from docent.store import Store
from docent.types import Document, Page, Scope, SourceFile, document_id

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TEXTS = [
    "Balance Sheet\n" + "\n".join(f"Row {n} {n * 100}" for n in range(90)),
    "Notes To The Accounts\nLeases.",
]


@pytest.fixture(scope="module")
def embedder():
    opened = FastEmbedder(packaged_model(), name=PACKAGED_MODEL, threads=2)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def nodes(embedder):
    """Run a llama-index pipeline over two pages, as its own PDF reader gives them."""
    return run_pipeline(embedder)


def run_pipeline(embedder, vector_store=None):
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
    transformations = [parser, DocentEmbedding(embedder=embedder)]
    pipeline = IngestionPipeline(
        transformations=transformations, vector_store=vector_store, disable_cache=True
    )
    return pipeline.run(documents=pages)


def test_a_pipeline_into_chroma_is_searched_with_our_embedding(embedder):
    """Chunks ingested into a Chroma collection are found by a VectorStoreIndex, with header and page."""
    import chromadb
    from llama_index.core import VectorStoreIndex
    from llama_index.vector_stores.chroma import ChromaVectorStore

    from docent.indexing.llama_index_adapters import DocentEmbedding

    collection = chromadb.EphemeralClient(chromadb.Settings(anonymized_telemetry=False)).create_collection(
        "llama", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )
    store = ChromaVectorStore(chroma_collection=collection)
    ingested = run_pipeline(embedder, store)
    assert collection.count() == len(ingested) == 3

    index = VectorStoreIndex.from_vector_store(store, embed_model=DocentEmbedding(embedder=embedder))
    best = index.as_retriever(similarity_top_k=3).retrieve("What do the notes say of leases?")[0]
    (notes,) = (node for node in ingested if node.text.endswith("Leases."))
    assert (best.node.node_id, best.node.text) == (notes.node_id, notes.text)
    assert best.node.metadata["page_label"] == "2"
    assert best.node.metadata["header"] == notes.metadata["header"]


def test_a_query_engine_answers_from_our_retriever(embedder, tmp_path):
    """A llama-index query engine prompts with the passages that Docent retrieves, its sources."""
    from llama_index.core.llms import MockLLM
    from llama_index.core.query_engine import RetrieverQueryEngine
    from llama_index.core.response_synthesizers import ResponseMode

    from docent.retrieving.llama_index_retriever import DocentRetriever

    store = Store(tmp_path / "storage", fingerprint="x")
    put(store, embedder, tmp_path)

    def find_passages(question, scope):
        return retrieve(question, scope=scope, store=store, embedder=embedder, limit=2)

    engine = RetrieverQueryEngine.from_args(
        DocentRetriever(find_passages, Scope()), llm=MockLLM(), response_mode=ResponseMode.COMPACT
    )
    question = "What do the notes say of leases?"
    response = engine.query(question)
    passages = find_passages(question, Scope())
    assert [source.node.node_id for source in response.source_nodes] == [p.chunk_id for p in passages]
    assert response.source_nodes[0].score == pytest.approx(passages[0].score)
    assert response.source_nodes[0].node.metadata["page"] == 2
    assert "Leases." in str(response)  # the mock model repeats its prompt
    store.close()


def put(store, embedder, folder):
    """Store both texts as the pages of one document."""
    file = folder / "acme_2023.txt"
    file.write_text("\f".join(TEXTS))
    pages = tuple(Page(number=number, text=text) for number, text in enumerate(TEXTS, 1))
    document = Document(
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(), name=file.name, kind="text", pages=pages
    )
    chunks = chunk(
        document,
        document_id=document_id("default", document.sha256),
        tokenizer=embedder.tokenizer,
        size=200,
        overlap=25,
        limit=256,
    )
    source = SourceFile("default", file.name, file, file.stat().st_size, file.stat().st_mtime_ns)
    store.put_words(source, document, chunks)
    store.put_vectors([one.id for one in chunks], embedder.embed([embedded_text(cut) for cut in chunks]))


def test_the_parser_cuts_as_docent_does(nodes, embedder):
    """In a llama-index pipeline the chunks are the same as in Docent."""
    pages = tuple(Page(number=number, text=text, label=str(number)) for number, text in enumerate(TEXTS, 1))
    ours = chunk(
        Document(sha256="0" * 64, name="acme_2023.pdf", kind="text", pages=pages),
        document_id="d",
        tokenizer=embedder.tokenizer,
        size=200,
        overlap=25,
        limit=256,
    )
    assert [node.text for node in nodes] == [cut.text for cut in ours]
    assert [node.metadata["header"] for node in nodes] == [cut.header for cut in ours]
    assert len(nodes) == 3


def test_the_pipeline_embeds_as_docent_does(nodes, embedder):
    """Header and text are embedded, other metadata is not, and the vector is the engine's own."""
    from llama_index.core.schema import MetadataMode

    for node in nodes:
        text = f"{node.metadata['header']}\n{node.text}"
        assert node.get_content(metadata_mode=MetadataMode.EMBED) == text
        assert np.dot(node.embedding, embedder.embed([text])[0]) > 0.999


def test_a_node_names_its_page(nodes):
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
    """The model reads a chunk's header and text."""
    doc = Document(sha256="0" * 64, name="a.txt", kind="text", pages=(Page(number=1, text="hello"),))
    (cut,) = chunk(doc, document_id="d", tokenizer=embedder.tokenizer, size=200, overlap=25, limit=256)
    assert embedded_text(cut) == "a | page 1\nhello"
