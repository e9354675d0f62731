"""Every first question that is offered about the samples is answered right, without a language model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from docent.answering.prompt.personas import read_personas
from docent.app import Docent, open_docent
from docent.settings import Settings
from docent.types import AnswerRequest, Scope
from docent.web.chat.conversation import STARTERS
from tests.golden.test_floors import environ  # noqa: F401  a fixture

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ANSWERS = {
    "Which internship is about machine learning?": (
        "tidelight-machine-learning.pdf",
        "Machine learning internship",
    ),
    "Which internship is about front-end design?": (
        "plumb-and-pixel-front-end-design.md",
        "Plumb & Pixel",
    ),
    "When does the machine learning internship start?": (
        "tidelight-machine-learning.pdf",
        "1 June 2027",
    ),
    "What pays best?": (
        "saltmarsh-marine-biology-data.md",
        "EUR per month: Marine biology data intern (€1,600",
    ),
    "What does the Barolo cost?": ("casa-limonaia.pdf", "€98.00"),
    "What does the panna cotta cost?": ("casa-limonaia.pdf", "€8.00"),
    "How long is the dough left to rise at Casa Limonaia?": ("casa-limonaia.pdf", "48 hours"),
    "Where do I put my documents?": ("adding-documents.md", "Copy or move your files into the folder"),
    "Does anything leave my computer?": ("privacy.md", "the answers stay on the computer"),
    "How do I ask good questions?": ("asking.md", "One question at a time"),
}
"""By question: the file of the first citation, and words of the first lines."""
OFFERED = [
    *((question, "") for _, _, question in STARTERS),
    *(
        (starter.message, persona.library)
        for persona in read_personas(ROOT / "personas.toml")
        for starter in persona.starters
    ),
]


@pytest.fixture(scope="module")
def docent(environ: dict[str, str]) -> Iterator[Docent]:  # noqa: F811
    with open_docent(Settings(storage=Path(environ["DOCENT_STORAGE"]))) as opened:
        yield opened


@pytest.mark.parametrize(("question", "library"), OFFERED, ids=[f"{one[1]}-{one[0]}" for one in OFFERED])
async def test_an_offered_question_is_answered_right(question: str, library: str, docent: Docent) -> None:
    """The first source is the right file, and the answer says what stands in it."""
    file, words = ANSWERS[question]
    scope = Scope(libraries=(library,) if library else ())
    events = docent.answer(AnswerRequest(question=question, scope=scope, use_model=False))
    answer = [event async for event in events][-1].answer  # type: ignore[union-attr]
    assert answer.citations[0].file == file
    assert words in "\n".join(answer.text.splitlines()[:4])
