"""A text that only repeats itself is noticed early and cut; tables, lists and verses are left alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docent.answering.generation import LOOPED
from docent.answering.repetition import LEAST_IN_TABLE, TOKEN, RepetitionDetector
from tests.answering.build import LIMITS, answer_of, events, notices, passage
from tests.answering.test_clients import mirror, native
from tests.answering.test_real_model import behind_ollama
from tests.fakes.real_model import CONTEXT_TOKENS

ROOT = Path(__file__).resolve().parents[2]
BEGIN = "The museum opens at 9:30 [1]. "
SENTENCE = "Pumpkin tortellini is served with sage [2]. "


def read(text: str, *, step: int = 5) -> tuple[str, int | None]:
    """Push a text in pieces; return what was read until a loop was noticed, and where to cut."""
    detector = RepetitionDetector()
    for at in range(0, len(text), step):
        if detector.push(text[at : at + step]):
            return text[: at + step], detector.cut
    detector.push("", final=True)
    return text, detector.cut


def words(text: str) -> list[str]:
    return [word for word in TOKEN.findall(text) if word[-1] not in "].)"]


LOOPS = [
    pytest.param(SENTENCE, SENTENCE.strip(), id="a sentence"),
    pytest.param("- Pumpkin tortellini, [2]\n", "- Pumpkin tortellini, [2]", id="a short line"),
    pytest.param("\n1. Pumpkin tortellini", "Pumpkin tortellini", id="a numbered line"),
    pytest.param("the square called ", "the square called", id="a phrase"),
    pytest.param("no ", "no", id="a word"),
    pytest.param("ha", "hahaha", id="without spaces"),
    pytest.param("A first sentence of it. And a second one, too. ", "too.", id="two sentences"),
    pytest.param("営業時間は九時半です。", "営業時間は九時半です。", id="a script without spaces"),
    pytest.param("| Monday | open | open | closed |\n", "closed", id="a row"),
]


@pytest.mark.parametrize(("period", "left"), LOOPS)
def test_a_loop_is_cut(period: str, left: str):
    """What repeats stands once, and it is noticed within two repeats of a sentence or forty tokens."""
    seen, cut = read(BEGIN + period * 200)
    assert cut is not None
    kept = seen[:cut]
    assert kept.startswith(BEGIN)
    assert left in kept
    assert kept.count(period.strip()) <= 2 or period == "ha"
    assert (
        len(words(seen.removeprefix(BEGIN)))
        <= max(LEAST_IN_TABLE if "|" in period else 40, 3 * len(words(period))) + 2
    )


def test_a_sentence_may_stand_twice_and_not_three_times():
    """The second repeat is the last that is written."""
    assert read(BEGIN + 2 * SENTENCE + "It is vegetarian.")[1] is None
    seen, cut = read(BEGIN + 20 * SENTENCE)
    assert seen.count("Pumpkin") <= 4  # the word that shows that the third has ended
    assert seen[:cut] == BEGIN + SENTENCE.strip()


def test_the_same_sentence_with_other_citations_is_the_same():
    """A model in a loop may count its citations on."""
    text = "".join(f"Pumpkin tortellini is served with sage [{n}]. " for n in range(1, 30))
    seen, cut = read(BEGIN + text)
    assert seen[:cut] == BEGIN + "Pumpkin tortellini is served with sage [1]."


def test_counting_on_for_ever():
    """A list of years has no period, but each figure follows from the two before it."""
    seen, cut = read("It was open in " + ", ".join(str(year) for year in range(1900, 2400)))
    assert cut is not None
    assert len(TOKEN.findall(seen)) < 90


def test_the_same_phrases_in_another_order():
    """Where nothing new comes for 120 tokens, the rest is cut even if no order is found in it."""
    phrases = [
        "the large hall on the first floor ",
        "a small room beside the stairs ",
        "with a view of the sea ",
    ]
    order = [0, 1, 2, 1, 0, 2, 2, 0, 1, 0, 2, 1, 1, 2, 0] * 8
    mixed = [phrases[(n * n + at) % 3] for at, n in enumerate(order)]
    assert read("".join(mixed))[1] is not None


def test_signs_without_an_end():
    """A line of signs that never ends is cut, too."""
    seen, cut = read(BEGIN + "-" * 5000)
    assert len(seen) < 800
    assert seen[:cut].strip() == BEGIN.strip()


def table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
LEGITIMATE = [
    pytest.param(
        table(
            ["Day", "Morning", "Noon", "Evening"],
            [[f"{n} May", "open", "open", "closed"] for n in range(1, 32)],
        ),
        id="a table with the same words in each row",
    ),
    pytest.param(
        table(["Room", *DAYS], [[f"Room {n}", *["free"] * 7] for n in range(1, 13)]), id="a plan of rooms"
    ),
    pytest.param(table([str(n) for n in range(30)], [["0"] * 30, ["1"] * 30]), id="a wide table of figures"),
    pytest.param(
        table(["Year", "Euro"], [[str(2001 + n), f"{n * n % 97},{n * 7 % 10}"] for n in range(24)]),
        id="years",
    ),
    pytest.param("\n".join(f"{n}. Step {n}: turn the screw by one turn." for n in range(1, 9)), id="steps"),
    pytest.param("\n".join(f"- {day}: from 9:30 to 18:00, admission free" for day in DAYS), id="hours"),
    pytest.param("- Yes\n- Yes\n- No\n- Yes\n- Yes\n- Yes\n- Yes\n", id="short answers"),
    pytest.param(
        "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily.", id="song"
    ),
    pytest.param("```\n" + "=" * 200 + "\n" + "-" * 200 + "\n```", id="rules of a table in plain text"),
    pytest.param(
        "Contents\n" + "\n".join(f"Chapter {n} {'.' * 90} {n * 7}" for n in range(9)), id="contents"
    ),
]


@pytest.mark.parametrize("text", LEGITIMATE)
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_what_is_no_loop_is_left_alone(text: str, step: int):
    """Rows and lines that share their words, but not all of them, are no repetition."""
    assert read(f"{BEGIN}\n\n{text}\n\nThat is all.", step=step)[1] is None


def documents() -> list[Path]:
    return sorted(path for path in (ROOT / "data").rglob("*") if path.suffix in (".md", ".txt", ".csv"))


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in documents()])
def test_the_sample_documents_are_no_loops(path: Path):
    """A model may copy any page of a real document, its tables included."""
    assert read(path.read_text(encoding="utf-8"), step=50)[1] is None


def test_real_answers_are_no_loops():
    """None of the answers that people wrote, and no passage, is cut."""
    labelled = (ROOT / "tests/answering/labelled").glob("*.jsonl")
    for path in sorted(path for path in labelled if path.name != "model_sentences.jsonl"):  # it does repeat
        for line in path.read_text(encoding="utf-8").splitlines():
            for value in json.loads(line).values():
                if isinstance(value, str):
                    assert read(value, step=40)[1] is None, value


@given(st.text(alphabet="ab .\n|[1]", max_size=200), st.integers(1, 40))
def test_how_a_text_is_cut_into_tokens_does_not_matter(text: str, step: int):
    """The same repetition is noticed however the stream arrives, and the cut is in the text."""
    whole, pieces = RepetitionDetector(), RepetitionDetector()
    whole.push(text)
    whole.push("", final=True)
    for at in range(0, len(text), step):
        pieces.push(text[at : at + step])
    pieces.push("", final=True)
    assert whole.cut == pieces.cut or whole.cut is not None and pieces.cut is not None
    assert whole.cut is None or 0 <= whole.cut <= len(text)


# --- in an answer --------------------------------------------------------------------------

LOOP = "The museum opens at 9:30 [1]. " + "On Thursdays it stays open until 21:00 [1]. " * 200


@pytest.mark.parametrize("client", [pytest.param(native, id="ollama"), pytest.param(mirror, id="openai")])
async def test_an_answer_in_a_loop_is_stopped_at_the_server(client, ollama):
    """The connection is closed early, what is left is cited, and a sentence says what happened."""
    ollama.script(reply=LOOP, seconds_per_token=0.002)
    found = await events("When does it open?", client(ollama.url))
    answer = answer_of(found)
    assert answer.text == "The museum opens at 9:30 [1]. On Thursdays it stays open until 21:00 [1]."
    assert len(answer.citations) == 2 and not answer.receipt.unsupported
    assert notices(found) == str(LOOPED)
    assert answer.receipt.looped and not answer.receipt.cut_short
    await ollama.until(lambda: ollama.requests[-1].disconnected, within=20)
    assert ollama.requests[-1].tokens_sent < 100


async def test_a_loop_in_a_sentence_leaves_that_sentence_without_a_source(ollama):
    """What was cut in its middle is not cited."""
    ollama.script("The museum opens at 9:30 [1]. It is beside " + "the square called " * 200)
    answer = answer_of(await events("When does it open?", native(ollama.url)))
    assert answer.text.startswith("The museum opens at 9:30 [1]. It is beside the square called")
    assert len(answer.text) < 100
    assert len(answer.citations) == 1


async def test_thoughts_in_a_loop(start_ollama):
    """A model that never comes to its answer is stopped, and the best sentences are shown."""
    server = start_ollama(models=("qwen3",))
    server.script(
        thinking="Wait, let me read that again. " * 200, reply="At 9:30 [1].", seconds_per_token=0.001
    )
    found = await events("When does it open?", native(server.url, name="qwen3"))
    assert notices(found) == str(LOOPED)
    assert answer_of(found).citations
    await server.until(lambda: server.requests[-1].disconnected, within=20)


async def test_a_real_model_in_a_loop(real_ollama):
    """Asked to, a real model repeats itself until it is stopped, long before the longest answer."""
    model = behind_ollama(real_ollama, answer_tokens=1500)
    limits = replace(LIMITS, context_tokens=CONTEXT_TOKENS, answer_tokens=600, passages=1)
    pages = [passage("The choir sings: la la la la la la la la la la la la la la la la la la la la.")]
    question = "Write the word la two hundred times: la la la la la la la la la la la la"
    found = await events(question, model, limits=limits, retrieve=lambda question, scope: pages)
    assert answer_of(found).receipt.looped
    assert real_ollama.requests_to("/api/chat")[-1].tokens_sent < 300
