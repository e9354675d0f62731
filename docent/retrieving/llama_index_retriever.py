"""Retrieval as a llama-index retriever, so that it plugs into anybody's pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from docent.types import Passage, Scope

Retrieve = Callable[[str, Scope], Sequence[Passage]]


class DocentRetriever(BaseRetriever):
    """The passages of Docent as nodes: `DocentRetriever(docent.retrieve, Scope())`."""

    def __init__(self, find: Retrieve, scope: Scope) -> None:
        super().__init__()
        self._find = find
        self._scope = scope

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        passages = self._find(query_bundle.query_str, self._scope)
        return [NodeWithScore(node=_node(passage), score=passage.score) for passage in passages]


def _node(passage: Passage) -> TextNode:
    where = {"file": passage.file, "library": passage.library, "page": passage.page, "place": passage.place}
    return TextNode(
        id_=passage.chunk_id,
        text=passage.text,
        metadata={**where, "header": passage.header},
        start_char_idx=passage.start,
        end_char_idx=passage.end,
    )
