"""An answer is one message: what is done, then text, one warning, its sources; the rest is in its receipt."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from docent.answering.prompt.personas import PLAIN
from docent.settings import Settings
from docent.types import (
    Answered,
    AnswerRequest,
    Notice,
    PassagesFound,
    Preview,
    Receipt,
    Searching,
    StepProgress,
    Token,
)
from docent.web.chat.answer_view import sources_row
from docent.web.chat.receipt_view import passages_table
from docent.web.chat.reply import reply
from docent.web.monitoring import Metrics
from tests.web.chat.open_page import OpenPage
from tests.web.chat.test_saved_answer import ANSWER, PASSAGE

STORED = SimpleNamespace(id=PASSAGE.document_id, name=PASSAGE.file)
QUESTION = "How much?"


def docent(answer: Any) -> Any:
    async def check_model() -> Any:
        return SimpleNamespace(ready=True)

    return SimpleNamespace(
        settings=Settings(),
        store=SimpleNamespace(libraries=lambda reader: [], documents=lambda scope: [STORED]),
        persona=lambda key: PLAIN,
        answer=answer,
        check_model=check_model,
    )


def shown(page: OpenPage) -> list[str]:
    """The texts that the answer's message had on the page, in order."""
    return [
        data["output"]
        for event, data in page.events
        if event in ("stream_start", "new_message", "update_message") and data["type"] == "assistant_message"
    ]


async def test_the_page_says_at_once_what_is_done():
    """Before anything is found, and at each step, in the place of the answer, which does not keep it."""
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def answer(request: AnswerRequest) -> Any:
        asked.set()
        await go_on.wait()
        yield Searching("the price of soup")
        yield PassagesFound(ANSWER.passages)
        yield Preview("Its key sentences.")
        yield StepProgress("Reading menu.pdf", 2, 9)
        yield Token("Soup is 5 euros.")
        yield Answered(replace(ANSWER, receipt=Receipt(request.question, request.question)))

    page = OpenPage()
    replying = asyncio.create_task(reply(QUESTION, docent=docent(answer), metrics=Metrics()))
    await asyncio.wait_for(asked.wait(), 20)
    assert shown(page) == ["*Searching the documents…*"]
    go_on.set()
    await asyncio.wait_for(replying, 20)
    texts = shown(page)
    assert texts[1:4] == [
        "*Searching for: the price of soup…*",
        "*Reading 1 passages…*",
        "Its key sentences.\n\n*Reading menu\\.pdf: 2 of 9…*",
    ]
    assert texts[4] == "Soup is 5 euros."
    assert texts[-1].startswith(ANSWER.text)
    assert "…*" not in texts[-1]
    await page.session.delete()


async def test_one_warning_is_shown_at_most():
    """Where all is supported: the first, about the answer as a whole; the receipt has the others."""
    notices = ("No language model answered.", "The last sentence is unfinished.")

    async def answer(request: AnswerRequest) -> Any:
        for notice in notices:
            yield Notice(notice)
        receipt = Receipt(QUESTION, QUESTION, model="mistral", notices=notices)
        yield Answered(replace(ANSWER, receipt=receipt))

    page = OpenPage()
    await reply(QUESTION, docent=docent(answer), metrics=Metrics())
    answered = shown(page)[-1]
    assert notices[0] in answered and notices[1] not in answered
    steps = [
        data["output"] for event, data in page.events if event == "update_message" and data["type"] == "tool"
    ]
    assert "The last sentence is unfinished" in steps[-1]
    await page.session.delete()


async def test_a_sentence_without_support_is_never_hidden_by_another_notice():
    """A model that was stopped in a loop is reported together with what no passage supports."""
    notices = ("The model began to repeat itself.", "No passage was found to support: “It is.”", "Cut short.")

    async def answer(request: AnswerRequest) -> Any:
        for notice in notices:
            yield Notice(notice)
        receipt = Receipt(QUESTION, QUESTION, model="m", notices=notices, unsupported=("It is.",))
        yield Answered(replace(ANSWER, receipt=receipt))

    page = OpenPage()
    await reply(QUESTION, docent=docent(answer), metrics=Metrics())
    answered = shown(page)[-1]
    assert notices[0] in answered and notices[1] in answered and notices[2] not in answered
    await page.session.delete()


def test_the_sources_of_an_answer_are_one_row():
    """Each file once, with its places and numbers; then what was asked, if that was chosen."""
    first = ANSWER.citations[0]
    other = replace(first, n=2, place="p. 27")
    row = sources_row([first, first, other], asked_of="Menu (2).pdf", language="en")
    name, place = first.file.replace(".", "\\."), first.place.replace(".", "\\.")
    assert row == f"**Sources:** {name} [1] {place} · [2] p\\. 27  \n*Searched in: Menu \\(2\\)\\.pdf*"
    assert sources_row([replace(first, quote="")], asked_of="", language="en") == ""


def test_the_receipt_names_and_scores_the_passages():
    """Best first, with how well each matches, and whether it was cited or only sent."""
    passages = (
        replace(PASSAGE, score=2.0, relevance=0.93),
        replace(PASSAGE, chunk_id="c9", place="p. 9 | a", score=1.0, relevance=0.5),
    )
    table = passages_table(replace(ANSWER, passages=passages, receipt=Receipt("", "", sent=("c9",))), "en")
    lines = table.splitlines()
    assert lines[0] == "| Passage | Match | Use |"
    assert lines[2].endswith("| 93 % | cited |")
    assert lines[3].endswith("p\\. 9 \\| a | 50 % | shown to the model |")
    assert passages_table(replace(ANSWER, passages=()), "en") == ""
