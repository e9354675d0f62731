"""Docent's chunker and embedder with llama-index's types, for anybody's pipeline.

pipeline = IngestionPipeline(transformations=[
    ChunkNodeParser(embedder=embedder, size=200, overlap=25),
    DocentEmbedding(embedder=embedder),
])
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.node_parser import NodeParser
from llama_index.core.schema import BaseNode, MetadataMode, NodeRelationship, TextNode

from docent.indexing.chunking import chunk
from docent.indexing.embedder import Embedder
from docent.types import Chunk, Document, Page

WINDOW = 512  # texts handed to the engine at once: enough to sort by length


class ChunkNodeParser(NodeParser):
    """Cuts nodes into chunks that the embedder reads whole, each with its header.

    Readers that give one node a page are understood: nodes with the same `file_name` are pages of one
    file, numbered by `page_label` where that is a number. The header is kept in the metadata and is
    embedded with the text; `start_char_idx` and `end_char_idx` are positions in the page.
    """

    size: int
    overlap: int
    _embedder: Embedder = PrivateAttr()

    def __init__(self, *, embedder: Embedder, size: int, overlap: int) -> None:
        # The fields of this class, which the base class does not know by name.
        super().__init__(size=size, overlap=overlap)  # type: ignore[call-arg]
        self._embedder = embedder

    @classmethod
    def class_name(cls) -> str:
        return "ChunkNodeParser"

    def _parse_nodes(
        self, nodes: Sequence[BaseNode], show_progress: bool = False, **kwargs: Any
    ) -> list[BaseNode]:
        del show_progress, kwargs  # the interface's; chunking is faster than a progress bar
        chunk_nodes: list[BaseNode] = []
        files: dict[str, list[BaseNode]] = {}
        for node in nodes:
            files.setdefault(str(node.metadata.get("file_name") or node.node_id), []).append(node)
        for name, pages in files.items():
            document = _document(name, pages)
            chunks = chunk(
                document,
                document_id=pages[0].ref_doc_id or pages[0].node_id,
                tokenizer=self._embedder.tokenizer,
                size=self.size,
                overlap=self.overlap,
                limit=self._embedder.max_tokens,
            )
            chunk_nodes += [_node(cut, pages[cut.page - 1]) for cut in chunks]
        return chunk_nodes


class DocentEmbedding(BaseEmbedding):
    """A Docent embedder wherever llama-index asks for one."""

    _embedder: Embedder = PrivateAttr()

    def __init__(self, *, embedder: Embedder) -> None:
        super().__init__(model_name=embedder.name, embed_batch_size=WINDOW)
        self._embedder = embedder

    @classmethod
    def class_name(cls) -> str:
        return "DocentEmbedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._embedder.embed_query(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._embedder.embed_query, query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [[float(value) for value in row] for row in self._embedder.embed(texts)]

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)


def _document(name: str, nodes: Sequence[BaseNode]) -> Document:
    """Return the nodes as the pages of one file; `number` is the position, `label` the printed number."""
    texts = [node.get_content(metadata_mode=MetadataMode.NONE) for node in nodes]
    pages = tuple(
        Page(number=number, text=text, label=str(node.metadata.get("page_label", "")))
        for number, (node, text) in enumerate(zip(nodes, texts, strict=True), 1)
    )
    digest = hashlib.sha256("\f".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
    title = str(nodes[0].metadata.get("title", ""))
    return Document(sha256=digest, name=name, kind="text", pages=pages, title=title)


def _node(cut: Chunk, page: BaseNode) -> TextNode:
    """Return the chunk as a node that embeds its header and text, and nothing else of its metadata."""
    metadata = {**page.metadata, "header": cut.header}
    others = [key for key in metadata if key != "header"]
    return TextNode(
        id_=cut.id,
        text=cut.text,
        metadata=metadata,
        start_char_idx=cut.start,
        end_char_idx=cut.end,
        excluded_embed_metadata_keys=others,
        excluded_llm_metadata_keys=list(page.excluded_llm_metadata_keys),
        metadata_template="{value}",
        text_template="{metadata_str}\n{content}",
        relationships={NodeRelationship.SOURCE: page.source_node or page.as_related_node_info()},
    )
