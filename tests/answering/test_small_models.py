"""Small models get an easier task, and are never worse than no model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from docent.answering.models.openai_client import OpenAIClient
from docent.answering.small_models import BESIDE, INSTEAD, RULES
from docent.types import Citation, Turn
from tests.answering.build import FOUND, LIMITS, OTHER, PAGE, answer_of, events, notices, passage
from tests.answering.test_clients import mirror, native
from tests.answering.test_real_model import behind_ollama
from tests.fakes.real_model import CONTEXT_TOKENS, PATIENCE, client_of
from tests.ports import free_url

QUESTION = "When does the museum open?"
SMALL = replace(LIMITS, small_model="on")
AUTO = replace(LIMITS, small_model="auto")
TRUE = "The museum opens at 9:30 and closes at 18:00."


async def test_the_size_is_asked_of_the_server(start_ollama):
    """Under 1.5 billion parameters a model of Ollama is small, and it is asked once for all questions."""
    server = start_ollama(models=("smollm2:135m", "llama3.2:3b"))
    sizes: dict[str, int | None] = {}
    for name, small in (("smollm2:135m", True), ("llama3.2:3b", False), ("smollm2:135m", True)):
        await events(QUESTION, native(server.url, name=name), limits=AUTO, sizes=sizes)
        system = server.requests_to("/api/chat")[-1].body["messages"][0]["content"]
        assert system.startswith(RULES) == small
    assert sizes == {"smollm2:135m": 135_000_000, "llama3.2:3b": 3_000_000_000}
    assert len(server.requests_to("/api/show")) == 2


async def test_a_model_file_and_llama_cpps_own_server_say_their_size(real_model, gguf):
    """The header of the file has it, and llama.cpp's list of models."""
    assert await client_of(real_model).parameters() == 134_515_008
    hosted = OpenAIClient(
        name=str(gguf.resolve()), url=real_model.address().result(), key=real_model.key, answer_tokens=16,
        temperature=0.0, timeouts=PATIENCE,
    )  # fmt: skip
    assert await hosted.parameters() == 134_515_008
    for client in (client_of(real_model), hosted):
        (described,) = await client.describe()
        assert described.context_tokens == 8192
        assert described.bytes == pytest.approx(gguf.stat().st_size, rel=0.05)


async def test_a_server_that_does_not_say_it(ollama):
    """Without a number the model is not small; a server that is down is reported by the answer alone."""
    assert await mirror(ollama.url).parameters() is None
    await events(QUESTION, mirror(ollama.url), limits=AUTO)
    assert not ollama.requests_to("/v1/chat/completions")[-1].body["messages"][0]["content"].startswith(RULES)
    found = await events(QUESTION, native(free_url()), limits=AUTO)
    assert notices(found).count("No model server answers") == 1


@pytest.mark.parametrize(("setting", "name", "small"), [("off", "a:1b", False), ("on", "a:70b", True)])
async def test_the_setting_goes_first(setting: Any, name: str, small: bool, start_ollama):
    """DOCENT_SMALL_MODEL decides which task the model gets."""
    server = start_ollama(models=(name,))
    await events(QUESTION, native(server.url, name=name), limits=replace(LIMITS, small_model=setting))
    system = server.requests_to("/api/chat")[-1].body["messages"][0]["content"]
    assert system.startswith(RULES) == small
    assert bool(server.requests_to("/api/show")) == (setting == "off")


async def test_a_small_model_without_the_easier_task_is_cited_as_closely(start_ollama):
    """With "off", only what it nearly copies is cited; a large model's words are compared as always."""
    page = passage("The guard of hall 7 has a yellow cap, and the hall has a door.")
    for name, cited in (("a:1b", False), ("a:70b", True)):
        server = start_ollama(models=(name,))
        server.script("The yellow cap of the guard has a door in hall 7.")
        found = await events(
            QUESTION,
            native(server.url, name=name),
            limits=replace(LIMITS, small_model="off"),
            retrieve=lambda question, scope: [page],
        )
        assert bool(answer_of(found).citations) == cited


async def test_it_reads_less(ollama):
    """A few passages, of these the sentences that match the question, and a short answer are asked for."""
    text = f"{PAGE}\n" + " ".join(f"The guard of hall {n} has a yellow cap." for n in range(20))
    many = [passage(text, n=n) for n in range(1, 7)]
    await events(QUESTION, native(ollama.url), limits=SMALL, retrieve=lambda question, scope: many)
    body = ollama.requests_to("/api/chat")[-1].body
    asked = body["messages"][-1]["content"]
    assert "opens at 9:30" in asked
    assert len(asked) < 900 < len(text)
    assert body["options"]["num_predict"] < 100
    assert "tools" not in body


async def test_a_follow_up_is_not_rewritten_by_it(ollama):
    """The question before it leads it in, as without a model; the model is asked once."""
    history = [Turn("How much is admission?", "It is 12.50 euro [1].")]
    await events("And for children?", native(ollama.url), limits=SMALL, history=history)
    (sent,) = [record.body["messages"] for record in ollama.requests_to("/api/chat")]
    assert len(sent) == 2
    assert sent[-1]["content"].endswith("Question: How much is admission? And for children?")


async def test_a_supported_answer_stands_before_the_best_sentences(ollama):
    """What the passages support is kept, and the lines that it does not hold already follow."""
    ollama.script(TRUE)
    answer = answer_of(await events(QUESTION, native(ollama.url), limits=SMALL))
    said, _, lines = answer.text.partition(f"\n\n{BESIDE}\n\n")
    assert said == f"{TRUE[:-1]} [1]." or said == f"{TRUE} [1]"
    assert lines and "opens at 9:30 and closes" not in lines
    assert answer.receipt.model == "mistral"


async def test_a_table_stays_one_beside_what_the_model_wrote(ollama):
    """Markdown shows rows as a table only after an empty line."""
    table = "| Day | Hours |\n| --- | --- |\n| Sunday | when the bells ring at 11 |\n"
    page = passage(f"{TRUE} The shop of the museum does open with it.\n\n{table}")
    ollama.script(TRUE)
    found = await events(QUESTION, native(ollama.url), limits=SMALL, retrieve=lambda question, scope: [page])
    assert "open with it. [1]\n\n| Day | Hours |\n| --- | --- |\n| Sunday [1] |" in answer_of(found).text


REPLIES = [
    pytest.param(TRUE, id="right"),
    pytest.param("The museum opens at 7:15.", id="a wrong figure"),
    pytest.param("The Louvre opens at 9:30.", id="a wrong name"),
    pytest.param("I do not know.", id="nothing of use"),
    pytest.param("The museum does open.", id="only the question"),
    pytest.param("When does the museum open, at 9:30?", id="a question"),
    pytest.param("", id="nothing"),
    pytest.param(f"{TRUE} It was built by elephants from the moon in 1850.", id="half right"),
    pytest.param("the square called " * 100, id="a loop"),
    pytest.param(f"{TRUE} [1] [2] [9]", id="all marks"),
    pytest.param("<|im_end|>", id="a sign"),
]


def places(citations: tuple[Citation, ...]) -> set[tuple[str, int, int]]:
    return {(citation.chunk_id, citation.start, citation.end) for citation in citations}


@pytest.mark.parametrize("reply", REPLIES)
async def test_never_worse_than_no_model(reply: str, ollama):
    """Whatever it writes, each fact of the answer without a model is shown and cited."""
    ollama.script(reply)
    found = await events(QUESTION, native(ollama.url), limits=SMALL)
    answer = answer_of(found)
    without = answer_of(await events(QUESTION, None))
    assert places(without.citations) <= places(answer.citations)
    for citation in without.citations:
        assert " ".join(citation.quote.split()).strip(" .") in answer.text.replace(f" [{citation.n}]", "")
    assert not answer.receipt.unsupported
    assert not {"7:15", "Louvre", "elephants"} & set(answer.text.replace(".", " ").split())
    wrong = reply and not reply.startswith(TRUE) or "elephants" in reply
    if wrong and reply.strip(" <|im_end>"):
        assert str(INSTEAD) in notices(found)


async def test_a_real_small_model(real_ollama):
    """SmolLM2 is known as small by what Ollama says, and its answer has the fact, with its citation."""
    limits = replace(AUTO, context_tokens=CONTEXT_TOKENS)
    answer = answer_of(await events("What do late books cost?", behind_ollama(real_ollama), limits=limits))
    assert "ten cents a day" in answer.text
    assert answer.citations
    assert FOUND[1].text == OTHER and answer.receipt.tokens_counted < 300


@pytest.mark.parametrize("size", ["135m", "7b"])
async def test_only_what_it_copies_is_confirmed(size, start_ollama):
    """The words of a page in another order count as an answer of a larger model, and not of a small one."""
    server = start_ollama(models=(f"some:{size}",))
    server.script("At 9:30 and at 18:00, the museum opens and closes.")
    found = await events(QUESTION, native(server.url, name=f"some:{size}"), limits=AUTO, sizes={})
    assert (INSTEAD in notices(found)) == (size == "135m")
