"""Whatever Docent itself says to a reader is said in French, too."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from docent.web.i18n.french import UNGROUNDED, french, spoken, spoken_answer
from docent.web.i18n.french_texts import KINDS, SENTENCES
from docent.web.i18n.texts import say

from docent.answering import canned_replies, finish, left_out, list_mentions, own_knowledge
from docent.answering.scoped_documents import not_ready
from docent.answering.tools import toolbox
from docent.ingesting import pipeline
from docent.loading.file_types import FOREIGN_SIGNATURES
from docent.loading.formats.pdf import GARBLED, annotation_note
from docent.loading.ocr import INSTALL_HINT
from docent.regular_files import SORTS
from docent.types import Answer, Document, Page, Receipt, State

ROOT = Path(__file__).resolve().parents[2] / "docent"
SAID = "LoadError OutOfReach UnreadableFile UnsupportedFile EncryptedFile HarmfulFile EmbeddingError"
ASKED = "ModelFailed ModelMissing ModelOverflow ModelTimeout ModelUnreachable InputError"
CLASSES = {*SAID.split(), *ASKED.split()}
KEPT = {"UnknownDocument", "UnknownLibrary", "StoreError"}
SPEAKING = [*sorted((ROOT / "loading").rglob("*.py")), *sorted((ROOT / "generating").glob("*client.py"))]
SPEAKING += [
    ROOT / "generating/bounded.py",
    ROOT / "generating/whole.py",
    ROOT / "regular_files.py",
    ROOT / "retrieving/bound.py",
    ROOT / "retrieving/query.py",
    ROOT / "indexing/ollama_embedding.py",
    ROOT / "ingesting/uploads.py",
    ROOT / "web/belonging.py",
    ROOT / "web/history.py",
    ROOT / "web/sources.py",
    ROOT / "web/unlocking.py",
]
SPEAKING += [
    ROOT / f"store/{n}.py"
    for n in "catalog conversations keeping originals reading removing sharing shelf".split()
]


def template(node: ast.expr) -> str | None:
    """A text with a sign for each gap; None for what is put together elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "12" for one in node.values)
    return None


def refusals() -> Iterator[str]:
    """Every sentence with which loading a file or asking a model can end."""
    for path in SPEAKING:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CLASSES | KEPT and node.args:
                said = template(node.args[0])
                if said is not None:
                    yield said


CONSTANTS = [
    *(getattr(finish, name) for name in ("NO_MODEL", "TOO_LONG", "ONLY_THOUGHT", "SILENT", "UNFINISHED")),
    *(
        getattr(canned_replies, name)
        for name in ("HELLO", "WELCOME", "NOTHING", "NEAREST", "NOT_YET", "ANYWAY", "NO_QUESTION")
    ),
    finish.UNCHECKED.format(n=7),
    own_knowledge.FROM_THE_MODEL,
    left_out("x" * 3000),
    pipeline.UNFORESEEN,
]


@pytest.mark.parametrize("said", [*dict.fromkeys(refusals()), *CONSTANTS])
def test_every_sentence_has_a_french_one(said):
    """No error of a file or of the model, and nothing said without a model, is left in English."""
    assert french(said) != said


@pytest.mark.parametrize("english", SENTENCES)
def test_both_say_the_same(english):
    """A French sentence has the gaps of the English one."""
    gaps = [
        {name for _, name, _, _ in string.Formatter().parse(one) if name}
        for one in (english, SENTENCES[english])
    ]
    if "command" not in gaps[0]:
        assert gaps[0] == gaps[1]


NOTES = [
    "The page is blank.",
    "There is nothing on this page.",
    annotation_note(SimpleNamespace(count_annotations=lambda: (2, 0))),
    annotation_note(SimpleNamespace(count_annotations=lambda: (0, 2))),
    f"{GARBLED} Reading scans is switched off (DOCENT_OCR=off).",
    f"The page is a scan. No program that reads scans is installed. {INSTALL_HINT}",
    "A picture without text.",
    "There is nothing in its sheets.",
]
DOCUMENTS = [
    Document("", "a.pdf", "pdf", ()),
    Document("", "a.pdf", "pdf", (Page(1, ""),)),
    Document("", "a.pdf", "pdf", (Page(1, "12"),)),
    Document("", "a.pdf", "pdf", (Page(1, "", hidden="secret"),)),
    *(Document("", "a.pdf", "pdf", (Page(1, "", note=note),)) for note in NOTES),
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_why_nothing_can_be_searched_is_french_throughout(document):
    """The reason of a document without text, and each part of it, has a French sentence."""
    said = french(document.shortfall(0))
    assert said.startswith("Rien à chercher : aucun texte n'a été trouvé. ")
    assert not re.search(r"\b(the|page holds|no|its|There|Nothing|Reading)\b", said.replace("ingest.py", ""))


def test_what_a_file_is_has_a_name_in_french():
    """What cannot be read is named, with what to do instead."""
    foreign = {word for _, what, remedy in FOREIGN_SIGNATURES for word in (what, remedy)}
    assert foreign | {*SORTS.values(), "something else"} == set(KINDS)


def test_two_sentences_in_one():
    """A notice that gives a reason speaks one language."""
    said = f"{finish.NO_MODEL} No model server answers at http://x:1. Start it, or correct DOCENT_MODEL_URL."
    assert spoken(said, "fr-CA") == (
        "Aucun modèle de langue n'a répondu ; voici les meilleures phrases trouvées. "
        "Aucun serveur de modèles ne répond à http://x:1. Démarrez-le, ou corrigez DOCENT_MODEL_URL."
    )
    assert spoken(said, "en") == said


def answer(text: str, model: str) -> Answer:
    return Answer(text, (), (), Receipt(question="?", searched="?", model=model))


def test_what_a_model_says_is_left_alone():
    """Only what Docent itself says is put into French; that an answer is from the model alone is, too."""
    assert spoken_answer(answer(canned_replies.NOTHING, "mistral"), "fr") == canned_replies.NOTHING
    assert spoken_answer(answer(f"{canned_replies.NOTHING}\n\n- A. [1]", ""), "fr") == (
        f"{french(canned_replies.NOTHING)}\n\n- A. [1]"
    )
    assert canned_replies.UNGROUNDED.strip() == UNGROUNDED
    assert spoken_answer(answer(f"{UNGROUNDED} So.", "mistral"), "fr") == "**Pas tiré de vos documents.** So."


def test_nothing_is_said_past_the_table():
    """What is sent to the page is a text of the table, or passes through it."""
    for path in sorted((ROOT / "web").glob("*.py")):
        source = path.read_text(encoding="utf-8")
        assert not re.search(r'(?:note|Message|PlainTextResponse)\(f?"[A-Z]\w+ ', source), path.name
        assert "{error}" not in source or path.name in {"users.py", "user_commands.py", "key_commands.py"}, (
            path.name
        )


def test_long_steps_say_what_they_do_in_french():
    """Those that read much, and each that a model takes with a tool."""
    assert "Looking through the documents" in Path(list_mentions.__file__).read_text(encoding="utf-8")
    assert french("Reading handbook.pdf") == "Lecture de handbook.pdf"
    steps = [one for one in map(template, first_words(toolbox, "Used")) if one]
    assert len(steps) >= 3
    assert [one for one in steps if french(one) == one] == ["12: 12"]  # a mistake that a tool told the model


def first_words(module: ModuleType, name: str) -> Iterator[ast.expr]:
    """What each call of a name begins with."""
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (name, "_quoted"):
            yield node.args[0]


@pytest.mark.parametrize("state", sorted(set(State) - {State.READY}))
def test_what_was_not_ready_is_named_in_french(state):
    """A receipt's line of a document that was not wholly searched, with the reason for it."""
    (said,) = not_ready([SimpleNamespace(name="a: b.pdf", state=state, reason="The page is blank.")])
    assert french(said) == f"a: b.pdf : {say(f'state_{state}', 'fr')} (La page est vide.)"
