"""Examples have the form that each tool documents, and hold nothing that their person may not read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest

from docent import Docent, Scope, Settings
from docent.__main__ import main
from docent.answering.prompt.templates import INSTRUCTIONS
from docent.evaluating import Question
from docent.learning.exports import CHAT_FORMATS, Example, answer_examples, modelfile, pair_example
from docent.learning.rated_answers import RatedAnswer
from docent.learning.training_pairs import LearningPair
from docent.types import Answer, Citation, Passage, Receipt
from tests.ports import free_url

pytestmark = pytest.mark.filterwarnings("ignore:legacy embedding function config:DeprecationWarning")

TEXT = "The rent is 900 euros a month. The notice period is three months.\n"


def objects(*names: str) -> dict:
    properties = {name: {"type": "string", "minLength": 1} for name in names}
    return {
        "type": "object",
        "properties": properties,
        "required": list(names),
        "additionalProperties": False,
    }


def turns(role: str, roles: list[str], text: str) -> dict:
    """Return the schema of a list of turns: a system message, a person's, the model's."""
    turn = objects(role, text)
    turn["properties"][role] = {"enum": roles}
    last = {"type": "object", "properties": {role: {"const": roles[-1]}}}
    return {"type": "array", "items": turn, "minItems": 2, "contains": last}


def one(name: str, schema: dict) -> dict:
    return {"type": "object", "properties": {name: schema}, "required": [name], "additionalProperties": False}


MESSAGES = one("messages", turns("role", ["system", "user", "assistant"], "content"))
DOCUMENTED = {
    "openai": MESSAGES,
    "axolotl": MESSAGES,
    "unsloth": one("conversations", turns("from", ["system", "human", "gpt"], "value")),
    "alpaca": objects("instruction", "input", "output"),
}


@pytest.mark.parametrize("style", CHAT_FORMATS)
def test_rows_have_the_documented_form(style):
    """Each line is what the documentation of the tool shows, with the same three texts."""
    row = Example("Be brief.", "<passage> … Why?", "Because [1].").row(style)
    jsonschema.validate(json.loads(json.dumps(row)), DOCUMENTED[style])
    assert all(text in json.dumps(row, ensure_ascii=False) for text in ("Be brief.", "Why?", "Because [1]."))


@pytest.fixture(scope="module")
def docent(tmp_path_factory) -> Iterator[Docent]:
    """A Docent with a shared lease, and a diary of Ann's."""
    folder = tmp_path_factory.mktemp("exports")
    (folder / "lease.txt").write_text(TEXT)
    (folder / "diary.txt").write_text("Dear diary, the rent is too high for me.\n")
    settings = Settings(storage=folder / "storage", data=folder / "data", model_url=free_url())
    with Docent(settings=settings) as docent:
        docent.add(folder / "lease.txt", library="home")
        ticket = docent.add_upload(folder / "diary.txt", name="diary.txt", owner="ann")
        docent.ingest_pipeline.background.start()
        asyncio.run(read_wholly(docent, ticket))
        yield docent


async def read_wholly(docent: Docent, ticket) -> None:
    async for _ in docent.follow(ticket):
        pass


def answered(passage: Passage, quote: str, *, rating="", **receipt) -> RatedAnswer:
    start = passage.start + passage.text.index(quote)
    citation = Citation(
        n=1, chunk_id=passage.chunk_id, document_id=passage.document_id, file=passage.file,
        library=passage.library, page=passage.page, page_label="", place=passage.place, start=start,
        end=start + len(quote), quote=quote,
    )  # fmt: skip
    known = {"question": "What is the rent?", "searched": "What is the rent?", "model": "m"}
    made = Receipt(**(known | {"sent": (passage.chunk_id,)} | receipt))
    extents = {passage.chunk_id: (passage.start, passage.end)}
    return RatedAnswer("ann", rating, Answer("It is 900 euros [1].", (citation,), (), made), extents)


def passage_of(docent: Docent, file: str) -> Passage:
    found = docent.retrieve("What is the rent?", Scope(reader="ann"), 10)
    return next(passage for passage in found if passage.file == file)


def examples(docent: Docent, *answers: RatedAnswer, user="ann", liked=False) -> list[Example]:
    return list(answer_examples(answers, docent.store, user=user, liked_only=liked))


def test_an_answer_is_exported_as_it_was_asked(docent):
    """The example holds Docent's instructions, the numbered passages, the question and the answer."""
    [example] = examples(docent, answered(passage_of(docent, "lease.txt"), "The rent is 900 euros"))
    assert (example.system, example.answer) == (INSTRUCTIONS, "It is 900 euros [1].")
    assert '<passage n="1" source="lease.txt' in example.user
    assert TEXT.strip() in example.user
    assert example.user.endswith("Question: What is the rent?")


@pytest.mark.parametrize(
    ("rating", "receipt"),
    [
        pytest.param("bad", {}, id="disliked"),
        pytest.param("", {"model": ""}, id="no model wrote it"),
        pytest.param("", {"broken_off": "The server went away."}, id="broken off"),
        pytest.param("", {"unsupported": ("It is so.",)}, id="a sentence that no passage supports"),
        pytest.param("", {"doubtful": ("901",)}, id="a figure that is in no passage"),
    ],
)
def test_these_answers_are_left_out(docent, rating, receipt):
    """What should not be learned is not exported."""
    passage = passage_of(docent, "lease.txt")
    assert examples(docent, answered(passage, "The rent", rating=rating, **receipt)) == []


def test_only_what_the_person_may_read(docent):
    """Another person's answers are not exported, nor an answer from a document that they may not read."""
    diary = answered(passage_of(docent, "diary.txt"), "the rent is too high")
    assert "Dear diary" in examples(docent, diary)[0].user
    assert examples(docent, diary, user="ben") == []
    assert examples(docent, replace(diary, user="ben"), user="ben") == []


def test_a_source_that_changed(docent):
    """An answer whose quote is no longer on its page is left out; thumbs-up can be asked for."""
    passage = passage_of(docent, "lease.txt")
    known = answered(passage, "The rent is 900 euros")
    [citation] = known.answer.citations
    changed = replace(known.answer, citations=(replace(citation, quote="The rent is 800 euros"),))
    assert examples(docent, replace(known, answer=changed)) == []
    assert examples(docent, known, liked=True) == []
    assert len(examples(docent, replace(known, rating="good"), liked=True)) == 1


def test_a_pair_is_answered_in_the_words_of_its_page(docent):
    """The answer of a pair cites its passage among others; without a known answer there is no example."""
    right = passage_of(docent, "lease.txt")
    others = [replace(right, chunk_id=str(n), text=f"Other text {n}.") for n in range(5)]
    question = Question("What is the notice period?", "lease.txt", (1,), "home", answer="three months")
    pair = LearningPair(question, "golden", frozenset({right.document_id}), right.document_id)
    example = pair_example(pair, right, others)
    assert example is not None
    number = example.answer.removeprefix("three months [").removesuffix("]")
    assert f'<passage n="{number}" source="lease.txt' in example.user
    assert example.user.count("<passage ") == 4
    assert TEXT.strip() in example.user.split(f'<passage n="{number}"')[1].split("</passage>")[0]
    assert (
        pair_example(replace(pair, question=replace(question, answer="four months")), right, others) is None
    )
    assert pair_example(replace(pair, question=replace(question, answer="")), right, others) is None


def test_modelfile(tmp_path, monkeypatch, capsys):
    """A Modelfile names the file and has Docent's instructions and the parameters of the settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCENT_CONTEXT_TOKENS", "4096")
    assert main(["export", "modelfile", "--gguf", "./tuned.gguf", "--out", "Modelfile"]) == 0
    lines = Path("Modelfile").read_text().splitlines()
    assert lines[1:5] == [
        "FROM ./tuned.gguf",
        "PARAMETER num_ctx 4096",
        "PARAMETER num_predict 1024",
        "PARAMETER temperature 0.1",
    ]
    text = Path("Modelfile").read_text()
    assert text.partition('SYSTEM """')[2] == f'{INSTRUCTIONS}"""\n'
    assert text.count('"""') == 2
    assert main(["export", "modelfile", "--gguf", 'a"b.gguf']) == 2
    assert "cannot stand in a Modelfile" in capsys.readouterr().err
    assert (
        modelfile("a b.gguf", context_tokens=1, answer_tokens=1, temperature=0).splitlines()[1]
        == 'FROM "a b.gguf"'
    )
