"""The limits of an answer: its size, its relevance, and the tools that the model may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

OWN_TOOLS = frozenset("search open_page list_documents calculate count_days query_table".split())
"""The names of the tools that Docent itself has."""


@dataclass(frozen=True, slots=True)
class AnswerLimits:
    """The size of the prompt and of the answer, and the relevance from which passages answer."""

    context_tokens: int
    answer_tokens: int
    passages: int
    relevant_from: float = 0.0
    """Below this relevance of the best passage, the documents do not answer."""
    tools: Literal["auto", "always", "off"] = "always"
    """auto: code chooses the tool, and the model has tools for what needs one; always: for everything."""
    tool_steps: int = 0
    """The most steps of the model with tools for one answer; 0: it has none."""
    small_model: Literal["auto", "on", "off"] = "off"
    """Give the model an easier task: always, never, or if it has few parameters."""
