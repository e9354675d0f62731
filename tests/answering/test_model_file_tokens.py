"""The tokens of a model file are counted by its own vocabulary, as its server counts them."""

from __future__ import annotations

import struct
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
import sentencepiece

from docent.answering.models.gguf import ModelVocabulary, read_vocabulary
from docent.answering.models.gguf_tokens import ModelFileTokens, tokenizer_of
from docent.answering.prompt.token_budget import EstimatedTokens, LearningCounter, counter_for

TEXTS = (
    "The internship in Aarhus pays DKK 21,400 a month; it's from 1 June to 3 September 2027.",
    "| Tagine | 14.50 |\n|---|---|\n\n\n    indented\t tab",
    "Die Kündigungsfrist beträgt drei Monate. Œuf parfait, crème d'oseille 9,50 €",
    "Zażółć gęślą jaźń. Все люди рождаются свободными. 한국어 문장입니다. 日本語のテキスト。 ಕನ್ನಡ",
    "deadbeef0123 😀🎉 \u200b ÀÉÎÕÜ",
)


def test_a_model_file_is_counted_as_its_server_counts(gguf, real_model):
    """Every text has the very count of llama.cpp; the estimate is far above or below."""
    counter = LearningCounter(counter_for("any", gguf))
    assert counter.exact
    headers = {"authorization": f"Bearer {real_model.key}"}
    with httpx.Client(base_url=real_model.address().result().removesuffix("/v1"), headers=headers) as client:
        for text in TEXTS:
            tokens = client.post("/tokenize", json={"content": text}).raise_for_status().json()["tokens"]
            assert counter.count(text) == len(tokens), text
    assert EstimatedTokens().count(TEXTS[0]) > counter.count(TEXTS[0])
    assert EstimatedTokens().count(TEXTS[3]) < counter.count(TEXTS[3])


def test_pieces_with_scores_are_joined_as_sentencepiece_joins_them():
    """A vocabulary like that of Mistral 7B or Llama 2 needs no list of merges."""
    spec = find_spec("mistral_common")
    assert spec is not None and spec.origin is not None
    file = Path(spec.origin).parent / "data" / "mistral_instruct_tokenizer_240323.model.v3"
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(file))
    numbers = range(pieces.get_piece_size())
    tokens, scores = [*map(pieces.id_to_piece, numbers)], [*map(pieces.get_score, numbers)]
    tokenizer = tokenizer_of(ModelVocabulary("llama", "default", tokens, (), scores))
    assert tokenizer is not None
    for text in TEXTS:
        assert len(tokenizer.encode(text, add_special_tokens=False).ids) == len(pieces.encode(text)), text


@pytest.mark.parametrize(("kind", "words"), [("bert", ""), ("gpt2", "a rule of tomorrow"), ("llama", "")])
def test_another_vocabulary_keeps_the_estimate(kind, words):
    """Nothing is called exact whose rules are not known."""
    assert tokenizer_of(ModelVocabulary(kind, words, ["a"], ["a a"], ())) is None


def test_a_file_that_is_gone_is_estimated(tmp_path):
    """The model's client says what is wrong; the passages are found and counted all the same."""
    counter = ModelFileTokens(tmp_path / "gone.gguf")
    assert not counter.exact
    assert counter.count(TEXTS[0]) == EstimatedTokens().count(TEXTS[0])


def test_only_the_lists_of_a_vocabulary_are_kept(tmp_path):
    """Other lists of a header are passed over, whatever they hold."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    def texts(key: str, *values: str) -> bytes:
        return text(key) + struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))

    entries = [
        text("tokenizer.ggml.model") + struct.pack("<I", 8) + text("llama"),
        texts("tokenizer.ggml.tokens", "<unk>", "a"),
        texts("general.tags", "x", "y"),
        text("tokenizer.ggml.scores") + struct.pack("<IIQff", 9, 6, 2, 0.0, -1.5),
    ]
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries)) + b"".join(entries))
    assert read_vocabulary(path) == ModelVocabulary("llama", "", ["<unk>", "a"], (), [0.0, -1.5])
