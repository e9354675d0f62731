"""Examples for tools that fine-tune language models, and the Modelfile that serves the result in Ollama.

Every example is the conversation that Docent has with a model: its instructions, the numbered passages with
the question, and an answer that cites them. Formats, as their documentation has them:

    openai     {"messages": [{"role": "system" | "user" | "assistant", "content"}]}
    axolotl    the same, as its `type: chat_template` reads it
    unsloth    {"conversations": [{"from": "system" | "human" | "gpt", "value"}]}, known as ShareGPT
    alpaca     {"instruction", "input", "output"}, read by both of them
    triplets   {"anchor", "positive", "negative"}, for sentence-transformers; of pairs only
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from docent.answering.prompt.personas import PLAIN
from docent.answering.prompt.templates import messages
from docent.errors import InputError, UnknownDocument
from docent.learning.rated_answers import RatedAnswer
from docent.learning.training_pairs import LearningPair
from docent.store.protocols import Reader
from docent.types import Chunk, Citation, Passage, Scope

ChatFormat = Literal["openai", "axolotl", "unsloth", "alpaca"]
CHAT_FORMATS: tuple[ChatFormat, ...] = ("openai", "axolotl", "unsloth", "alpaca")
TRIPLETS = "triplets"
FEWEST_FOR_OPENAI = 10
"""Examples in a file that OpenAI accepts."""
SHAREGPT = {"system": "system", "user": "human", "assistant": "gpt"}
BESIDE = 3
"""Wrong passages that the model is shown beside the right one."""
MARK = re.compile(r"\[(\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt as Docent sends it, and the answer to learn."""

    system: str
    user: str
    answer: str

    def row(self, style: ChatFormat) -> Mapping[str, object]:
        """Return the example as a line of a file in this format."""
        if style == "alpaca":
            return {"instruction": self.system, "input": self.user, "output": self.answer}
        turns = (("system", self.system), ("user", self.user), ("assistant", self.answer))
        if style == "unsloth":
            return {"conversations": [{"from": SHAREGPT[role], "value": text} for role, text in turns]}
        return {"messages": [{"role": role, "content": text} for role, text in turns]}


def _example(question: str, passages: Sequence[Passage], answer: str) -> Example:
    system, user = messages(question, passages, (), instructions=PLAIN.instructions)
    return Example(str(system["content"]), str(user["content"]), answer.strip())


# --- answers of conversations ----------------------------------------------------------------


def answer_examples(
    answers: Sequence[RatedAnswer], reader: Reader, *, user: str, liked_only: bool
) -> Iterator[Example]:
    """Yield the answers of a person that a model wrote, if all they cite still stands in the documents.

    One that they disliked, that was cut short, or that says what no passage supports, is left out.
    """
    scope = Scope(reader=user)
    for rated in answers:
        receipt = rated.answer.receipt
        spoilt = receipt.broken_off or receipt.looped or receipt.cut_short or receipt.not_found
        if rated.user != user or rated.rating == "bad" or (liked_only and rated.rating != "good"):
            continue
        if (
            spoilt
            or receipt.unsupported
            or receipt.doubtful
            or not receipt.model
            or not rated.answer.citations
        ):
            continue
        passages = _passages_sent(rated, reader, scope)
        if passages is not None:
            yield _example(receipt.searched, passages, rated.answer.text)


def _passages_sent(rated: RatedAnswer, reader: Reader, scope: Scope) -> list[Passage] | None:
    """Return what the model was shown, each passage under the number that the answer cites it by.

    None where a source has changed or is gone, or where the person may no longer read it.
    """
    cited = {citation.n: citation for citation in rated.answer.citations}
    names = {document.id: document.name for document in reader.documents(scope)}
    chunks = reader.chunks([*rated.answer.receipt.sent, *(one.chunk_id for one in cited.values())], scope)
    others = [
        chunks[key]
        for key in rated.answer.receipt.sent
        if key in chunks and key not in {one.chunk_id for one in cited.values()}
    ]
    passages = []
    for n in range(1, max([len(cited) + len(others), *cited]) + 1):
        if n in cited:
            passage = _cited_passage(cited[n], rated, chunks, reader, scope)
        else:
            chunk = others.pop(0) if others else None
            passage = None if chunk is None else _passage(chunk, names, reader, scope, chunk.start, chunk.end)
        if passage is None:
            return None
        passages.append(passage)
    return passages


def _cited_passage(
    citation: Citation, rated: RatedAnswer, chunks: Mapping[str, Chunk], reader: Reader, scope: Scope
) -> Passage | None:
    chunk = chunks.get(citation.chunk_id)
    quotes = [one for one in rated.answer.citations if one.n == citation.n]
    if chunk is None or citation.chunk_id not in rated.extents:
        return None
    passage = _passage(
        chunk, {chunk.document_id: citation.file}, reader, scope, *rated.extents[citation.chunk_id]
    )
    if passage is None or not all(one.quote and one.quote in passage.text for one in quotes):
        return None
    return passage


def _passage(
    chunk: Chunk, names: Mapping[str, str], reader: Reader, scope: Scope, start: int, end: int
) -> Passage | None:
    try:
        page = reader.page(chunk.document_id, chunk.page, scope)
    except UnknownDocument:
        return None
    return Passage(
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        file=names.get(chunk.document_id, ""),
        library="",
        page=chunk.page,
        page_label=page.label,
        place=page.at(start, end),
        heading=chunk.heading,
        header=chunk.header,
        text=page.text[start:end],
        start=start,
        end=end,
        score=0.0,
    )


# --- pairs of a question and its page --------------------------------------------------------


def pair_example(pair: LearningPair, right: Passage, wrong: Sequence[Passage]) -> Example | None:
    """Return a pair as an example, answered in the words of the page; None where these are unknown."""
    answer = str(getattr(pair.question, "evidence", "") or getattr(pair.question, "answer", ""))
    if " ".join(answer.split()) not in " ".join(right.text.split()) or not answer.strip():
        return None
    place = sha256(pair.question.question.encode()).digest()[0] % (len(wrong[:BESIDE]) + 1)
    passages = [*wrong[:place], right, *wrong[place:BESIDE]]
    return _example(pair.question.question, passages, f"{' '.join(answer.split())} [{place + 1}]")


def triplet(pair: LearningPair, positive: str, negative: str) -> Mapping[str, str]:
    return {"anchor": pair.question.question, "positive": positive, "negative": negative}


# --- the Modelfile ---------------------------------------------------------------------------


def modelfile(gguf: str, *, context_tokens: int, answer_tokens: int, temperature: float) -> str:
    """Return a Modelfile for a GGUF file, with the instructions and parameters that Docent uses.

    The chat template is not written: Ollama takes it from the GGUF file.
    """
    if "\n" in gguf or '"' in gguf:
        raise InputError("The name {name!r} cannot stand in a Modelfile. Rename the file.", name=gguf)
    path = f'"{gguf}"' if " " in gguf else gguf
    return "\n".join(
        (
            "# Written by: docent export modelfile. Next: ollama create NAME -f Modelfile",
            f"FROM {path}",
            f"PARAMETER num_ctx {context_tokens}",
            f"PARAMETER num_predict {answer_tokens}",
            f"PARAMETER temperature {temperature:g}",
            f'SYSTEM """{PLAIN.instructions}"""',
            "",
        )
    )
