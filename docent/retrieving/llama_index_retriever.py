"""Docent's retrieval as a llama-index retriever, so that it plugs into anybody's pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from docent.types import Passage, Scope


class DocentRetriever(BaseRetriever):
    """Returns Docent's passages as nodes: `DocentRetriever(docent.retrieve, Scope())`."""

    def __init__(self, retrieve: Callable[[str, Scope], Sequence[Passage]], scope: Scope) -> None:
        super().__init__()
        self._retrieve_passages = retrieve
        self._scope = scope

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        passages = self._retrieve_passages(query_bundle.query_str, self._scope)
        return [NodeWithScore(node=_node(passage), score=passage.score) for passage in passages]


def _node(passage: Passage) -> TextNode:
    return TextNode(
        id_=passage.chunk_id,
        text=passage.text,
        metadata={
            "file": passage.file,
            "library": passage.library,
            "page": passage.page,
            "place": passage.place,
            "header": passage.header,
        },
        start_char_idx=passage.start,
        end_char_idx=passage.end,
    )
