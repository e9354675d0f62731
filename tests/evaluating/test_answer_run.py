"""Runs of answers: asked, saved, compared, and shown in a report."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from docent.errors import InputError
from docent.evaluating import (
    AnswerRun,
    Question,
    ask_answers,
    compare_answers,
    html_report,
    read_answers,
    save_answers,
)
from docent.types import Answer, Answered, Citation, Receipt

RENT = Question("What is the rent?", "lease.md", (1,), "home", answer="EUR 1,250")
ORCHIDS = Question("Who waters the orchids?", "", (), "home", answerable=False)
HOSTILE = '<script>alert(1)</script><img src="http://192.0.2.1/x">'


async def run_of(*pairs: tuple[Question, str], unsupported: tuple[str, ...] = ()) -> AnswerRun:
    """Ask questions of somebody who gives these answers; "" is that nothing was found, "!" an error."""
    texts = {question.question: text for question, text in pairs}

    async def answer(request):
        text = texts[request.question]
        if text == "!":
            raise InputError("The question is too long.")
        citation = Citation(1, "c", "d", "lease.md", "home", 1, "", "p. 1", 0, 1, f"EUR 1,250 {HOSTILE}")
        receipt = Receipt(
            "?", "?", model="" if not text else "m", not_found=not text, unsupported=unsupported
        )
        yield Answered(Answer(text, (citation,) if "[1]" in text else (), (), receipt))

    return await ask_answers(
        [question for question, _ in pairs], answer=answer, library="", model="", use_model=True,
        on_progress=lambda done: None,
    )  # fmt: skip


async def test_a_question_that_fails_counts_as_not_answered():
    """The others are asked, and the reason is kept."""
    run = await run_of((RENT, "!"), (ORCHIDS, ""))
    assert run.outcomes[0].error == "The question is too long."
    assert (run.figures["completeness"].value, run.figures["abstained"].value) == (0, 1)
    assert run.figures["refused"].value == 1


async def test_two_runs_are_compared_in_pairs(tmp_path):
    """Facts gained and lost are named; questions of one run alone are left out; a saved run comes back."""
    more = [replace(RENT, question=f"{n}?") for n in range(8)]
    before = await run_of((RENT, "No idea."), (ORCHIDS, ""), *((one, "EUR 1,250 [1].") for one in more))
    after = await run_of(
        (RENT, "It is EUR 1,250 [1]."), (ORCHIDS, "Bob."), *((one, "no") for one in more[:7])
    )
    save_answers(before, tmp_path / "before.json")
    assert read_answers(tmp_path / "before.json") == before
    found = compare_answers(read_answers(tmp_path / "before.json"), after)
    assert (found.questions, found.only_one_run) == (9, 1)
    assert [change.question for change in found.gained] == [RENT]
    assert [change.question for change in found.lost] == [ORCHIDS, *more[:7]]
    assert found.difference["completeness"].value == pytest.approx(-6 / 8)
    assert found.difference["completeness"].high < 0
    assert all(figure.low == figure.high == 0 for figure in compare_answers(after, after).difference.values())
    (tmp_path / "other.json").write_text('{"format": "docent-eval-1"}')
    with pytest.raises(InputError, match=r"eval --answers --save .*other\.json"):
        read_answers(tmp_path / "other.json")


class Tags(HTMLParser):
    """The tags of a page with their attributes, and those that were left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


async def test_the_report_is_one_file_without_scripts():
    """It loads nothing and runs nothing, whatever documents and answers say; every tag is closed."""
    before = await run_of((RENT, ""), (ORCHIDS, ""))
    run = await run_of(
        (RENT, f"It is EUR 1,250 [1]. {HOSTILE} is cheap."), (replace(ORCHIDS, library="b"), HOSTILE),
        unsupported=(f"{HOSTILE} is cheap.",),
    )  # fmt: skip
    page = html_report(run, before)
    tags = Tags(page)
    assert tags.open == []
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in tags.seen}
    assert not [value for _, attrs in tags.seen for name, value in attrs.items() if name in ("src", "href")]
    assert "default-src 'none'" in page and "url(" not in page and "@import" not in page
    assert "&lt;script&gt;" in page
    assert (
        '<mark class="unsupported">' in page and '<span class="supported">It is EUR 1,250 [1].</span>' in page
    )
    assert all(
        "aria-label" in attrs or attrs["aria-hidden"] == "true" for tag, attrs in tags.seen if tag == "svg"
    )
    assert re.findall(r"<h3>([^<]+) <span", page)[-2:] == [
        "Answered, though nothing answers", "With a sentence that no source supports",
    ]  # fmt: skip
