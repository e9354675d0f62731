"""`docent learn`: a tiny model learns words that documents use for those of questions, and is put back."""

from __future__ import annotations

import json
import random

import pytest
import torch

from docent import Scope
from docent.__main__ import main
from docent.app import open_docent
from docent.evaluating import Question
from docent.learning import embedder_training
from docent.settings import Settings
from tests.indexing.test_sentence_models import make_model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # torch and transformers warn of themselves while loading
]

ASKED = "where who when why how which whose whom what whither".split()
WRITTEN = "amber birch cedar dune ember fjord grove heath islet jetty".split()
WORDS = [*ASKED, *WRITTEN, ":", ".", "?", "-", "_", "0", "txt", "notes"]
"""A question asks by two words for the document with their counterparts; it shares no word with any."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a tiny model, a document for each of 44 pairs of words, and a golden question on each."""
    home = tmp_path_factory.mktemp("learning")
    torch.manual_seed(7)
    make_model(home / "tiny", "bert", words=WORDS)
    folder = home / "data/notes"
    folder.mkdir(parents=True)
    chosen = random.Random(3).sample([(one, two) for one in range(10) for two in range(one)], 44)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        (home / ".env").write_text("DOCENT_EMBEDDING_MODEL=tiny\nDOCENT_RELEVANT_FROM=0\nDOCENT_THREADS=1\n")
        golden = []
        for n, (one, two) in enumerate(chosen):
            (folder / f"{n:02}.txt").write_text(f"{WRITTEN[one]} {WRITTEN[two]}.")
            golden.append(Question(f"{ASKED[one]} {ASKED[two]}?", f"{n:02}.txt", (1,), "notes"))
        assert main(["ingest", "--json"]) == 0
        with open_docent(Settings.read()) as docent:
            for question in golden:
                docent.golden.add(question)
        yield home


def learned(capsys, *arguments: str) -> dict:
    capsys.readouterr()
    assert main(["learn", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def rank_of(question: Question) -> int:
    """Return the rank of the question's document, as anybody's search finds it now."""
    with open_docent(Settings.read()) as docent:
        found = docent.retrieve(question.question, Scope(), 50)
    files = list(dict.fromkeys(passage.file for passage in found))
    return 1 + files.index(question.file)


def vector_of(question: str) -> list[float]:
    with open_docent(Settings.read()) as docent:
        return docent.embedder.embed_query(question)


def test_no_gain_is_not_kept(home, capsys):
    """Where no signal of the ranking tells the page, no weights are kept, and the figures say so."""
    trial = learned(capsys, "weights", "--library", "notes")
    assert (trial["kept"], trial["pairs"], trial["of_people"]) == (False, 44, 44)
    assert trial["gain"]["difference"]["mrr_10"]["low"] <= 0
    assert not (home / "storage/learned-weights.json").exists()
    assert main(["learn", "undo", "weights"]) == 2
    assert "No weights were learned" in capsys.readouterr().err


def test_a_map_is_kept_and_removed(home, capsys):
    """A map of the questions' vectors finds documents that were left out; the index stays as it is."""
    question = read(home)[0]["question"]
    before = vector_of(question)
    trial = learned(capsys, "embedding", "--quick")
    assert trial["kept"] is True
    assert trial["gain"]["groups"] == 44
    assert trial["gain"]["difference"]["mrr_10"]["low"] > 0
    assert vector_of(question) != before
    assert main(["learn", "list"]) == 0
    assert "a map of the questions' vectors" in capsys.readouterr().out
    assert main(["learn", "undo", "embedding"]) == 0
    assert vector_of(question) == before
    assert main(["learn", "undo", "embedding"]) == 2


def test_a_model_is_kept_and_put_back(home, capsys, monkeypatch):
    """A fine-tuned model answers from an index of its own; one command goes back to those of before."""
    monkeypatch.setattr(embedder_training, "LEARNING_RATE", 3e-3)  # the model knows nothing yet
    monkeypatch.setattr(embedder_training, "EPOCHS", 10)
    monkeypatch.setattr(embedder_training, "SHARE", 1.0)
    before = vector_of("who where?")
    trial = learned(capsys, "embedding")
    assert trial["kept"] is True
    assert trial["gain"]["difference"]["mrr_10"]["low"] > 0
    assert trial["training"]["steps"] == trial["training"]["of_steps"] == 30
    assert "DOCENT_EMBEDDING_MODEL=learned-1\n" in (home / ".env").read_text()
    assert rank_of(Question(**read(home)[0])) <= 5
    learned_vector = vector_of("who where?")
    assert main(["learn", "list"]) == 0
    assert "learned-1, fine-tuned from tiny" in capsys.readouterr().out
    assert main(["learn", "undo", "embedding", "--json"]) == 0
    assert "DOCENT_EMBEDDING_MODEL=tiny\n" in (home / ".env").read_text()
    assert vector_of("who where?") == before != learned_vector


def read(home) -> list[dict]:
    lines = (home / "storage/golden.jsonl").read_text().splitlines()
    return [{**row, "pages": tuple(row["pages"])} for row in map(json.loads, lines)]
