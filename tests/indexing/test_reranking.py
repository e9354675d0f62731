"""A reranker by setting: any sentence-transformers CrossEncoder."""

from __future__ import annotations

import pytest

from docent.errors import EmbeddingError
from docent.indexing.packaged_model import packaged_folder
from docent.indexing.torch_models import open_reranker


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    return cross_encoder(tmp_path_factory.mktemp("models") / "cross-encoder", labels=1)


def cross_encoder(folder, *, labels):
    """One small layer with random weights, saved as sentence-transformers saves a CrossEncoder."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(packaged_folder())
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=labels,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_reranker_scores_each_text(folder, tmp_path):
    """Each text has a score of its own, which does not depend on its position among the others."""
    rerank = open_reranker(str(folder), cache=tmp_path, device="auto")
    assert rerank is not None
    one, other = rerank("Who eats mice?", ["Owls do.", "Tickets for the tower cost 4.50."])
    assert one != other
    assert rerank("Who eats mice?", ["Tickets for the tower cost 4.50.", "Owls do."]) == pytest.approx(
        [other, one]
    )


def test_a_classifier_is_refused_as_reranker(tmp_path):
    """A model that sorts pairs into classes is refused when it is opened, not at the first question."""
    with pytest.raises(EmbeddingError, match=r"3 classes.*DOCENT_RERANKER"):
        open_reranker(str(cross_encoder(tmp_path / "nli", labels=3)), cache=tmp_path, device="cpu")


@pytest.mark.parametrize("empty", [False, True], ids=["nothing is there", "a folder without a model"])
def test_a_missing_reranker_is_an_error(empty, tmp_path):
    """The error names the setting's value, the folder that was searched, and the command to run."""
    missing = tmp_path / "missing"
    if empty:
        missing.mkdir()
    with pytest.raises(EmbeddingError, match="could not be loaded") as told:
        open_reranker(str(missing), cache=tmp_path / "models", device="auto")
    for part in (str(missing), str(tmp_path / "models"), "hf download", "DOCENT_RERANKER"):
        assert part in str(told.value)


def test_no_reranker_by_default(tmp_path):
    """An empty setting opens no reranker."""
    assert open_reranker("", cache=tmp_path, device="auto") is None
