"""Models of the sentence-transformers kind, other than the packaged one, in the fast engine."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from docent.errors import EmbeddingError
from docent.indexing import open_embedder
from docent.indexing.embedder import FastEmbedder
from docent.indexing.packaged_model import packaged_folder
from docent.indexing.sentence_model import read_sentence_model

pytestmark = pytest.mark.filterwarnings("ignore")  # torch and transformers warn of themselves while loading

TEXTS = ["Die Katze sitzt auf der Matte.", "Le chat est sur le tapis.", "A cat sits on a mat " * 7, "42"]
WORDS = "die katze sitzt auf der matte le chat est sur tapis a cat sits on mat query passage : . 42".split()


def make_model(folder, kind, *, pooling="mean", prompts=None, languages="[de, en, fr]", words=WORDS):
    """Write a tiny model with random weights and a vocabulary of words of several languages."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.normalizers import Lowercase
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

    vocabulary = {word: at for at, word in enumerate(["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]", *words])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = Lowercase(), BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 2)]
    )
    sizes = {
        "vocab_size": len(vocabulary), "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 64, "max_position_embeddings": 66, "pad_token_id": 1,
    }  # fmt: skip
    model = BertModel(BertConfig(**sizes)) if kind == "bert" else XLMRobertaModel(XLMRobertaConfig(**sizes))
    model.eval().save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, cls_token="[CLS]", pad_token="[PAD]", sep_token="[SEP]", unk_token="[UNK]"
    ).save_pretrained(folder)
    write(folder / "modules.json", [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ])  # fmt: skip
    (folder / "1_Pooling").mkdir()
    write(folder / "1_Pooling/config.json", {
        "word_embedding_dimension": 32, "pooling_mode_cls_token": pooling == "cls",
        "pooling_mode_mean_tokens": pooling == "mean",
    })  # fmt: skip
    write(folder / "sentence_bert_config.json", {"max_seq_length": 48, "do_lower_case": False})
    write(
        folder / "config_sentence_transformers.json", {"prompts": prompts or {}, "default_prompt_name": None}
    )
    (folder / "README.md").write_text(f"---\nlanguage: {languages}\nlicense: mit\n---\n\nA model.\n")
    return folder


def write(path, value):
    path.write_text(json.dumps(value))


def opened(name, cache):
    return open_embedder(str(name), cache=cache, threads=1, device="cpu", model_url="", model_key="")


@pytest.mark.parametrize("kind", ["bert", "xlm-roberta"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_fast_engine_agrees_with_the_reference(kind, pooling, tmp_path):
    """A model of several languages runs without torch, and its vectors are those of sentence-transformers."""
    from docent.indexing.torch_models import ReferenceEmbedder

    folder = make_model(tmp_path / "mine", kind, pooling=pooling)
    fast = opened(folder, tmp_path)
    reference = ReferenceEmbedder(str(folder), source=str(folder), cache=tmp_path, device="cpu")
    assert isinstance(fast, FastEmbedder)
    assert (fast.dimensions, fast.max_tokens) == (32, 48)
    assert fast.languages == {"de", "en", "fr"}
    cosines = (fast.embed(TEXTS) * reference.embed(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.995
    assert np.dot(fast.embed_query(TEXTS[0]), reference.embed_query(TEXTS[0])) > 0.995
    fast.close()


@pytest.mark.parametrize(
    ("name", "prompts"),
    [
        pytest.param("mine", {"query": "query: ", "document": "passage: "}, id="from its files"),
        pytest.param("multilingual-e5-tiny", {}, id="from the table"),
    ],
)
def test_what_a_model_wants_before_a_text(name, prompts, tmp_path):
    """Questions and texts get the prefixes of the model, which take their share of what it reads."""
    plain = opened(make_model(tmp_path / "plain", "bert"), tmp_path)
    shutil.copytree(tmp_path / "plain", tmp_path / name)
    write(tmp_path / name / "config_sentence_transformers.json", {"prompts": prompts})
    mine = opened(tmp_path / name, tmp_path)
    assert np.allclose(mine.embed(["katze"]), plain.embed(["passage: katze"]), atol=1e-5)
    assert np.allclose(mine.embed_query("katze"), plain.embed_query("query: katze"), atol=1e-5)
    assert mine.max_tokens == plain.max_tokens - 2
    assert mine.fingerprint.endswith("query: |passage: ")
    plain.close()
    mine.close()


def test_a_hub_model_in_the_cache_is_fast_too(tmp_path):
    """A hub name is found where the hub's own tools store it."""
    stored = tmp_path / "models--someone--tiny"
    (stored / "snapshots").mkdir(parents=True)
    (stored / "refs").mkdir()
    (stored / "refs/main").write_text("abc")
    make_model(stored / "snapshots/abc", "bert")
    embedder = opened("someone/tiny", tmp_path)
    assert isinstance(embedder, FastEmbedder)
    assert embedder.name == "someone/tiny"
    embedder.close()


@pytest.mark.parametrize(
    ("file", "change"),
    [
        pytest.param("config.json", {"model_type": "mpnet"}, id="another kind"),
        pytest.param("config.json", {"hidden_act": "relu"}, id="another activation"),
        pytest.param("1_Pooling/config.json", {"pooling_mode_mean_tokens": False}, id="another pooling"),
    ],
)  # fmt: skip
def test_what_the_fast_engine_does_not_know_is_left_to_torch(file, change, tmp_path):
    """A model that is built in another way is not run by an engine that would get it wrong."""
    folder = make_model(tmp_path / "mine", "bert")
    write(folder / file, json.loads((folder / file).read_text()) | change)
    assert read_sentence_model(folder, "mine") is None


@pytest.mark.parametrize(
    ("file", "content"),
    [
        pytest.param("config.json", b"{", id="no JSON"),
        pytest.param("config.json", b'{"model_type": "bert", "hidden_act": "gelu"}', id="no sizes"),
        pytest.param("tokenizer.json", b"", id="empty tokenizer"),
        pytest.param("model.safetensors", b"\x08\0\0\0", id="weights cut off"),
    ],
)
def test_a_damaged_model_is_named(file, content, tmp_path):
    """A folder whose files were copied by half is refused with a sentence that names it."""
    folder = make_model(tmp_path / "mine", "bert")
    (folder / file).write_bytes(content)
    with pytest.raises(EmbeddingError, match="mine cannot be read"):
        opened(folder, tmp_path).embed_query("A cat.")


def test_languages_of_a_model_that_only_says_multilingual(tmp_path):
    """A model that says that it is multilingual has the languages that Docent knows."""
    folder = make_model(tmp_path / "mine", "bert", languages="\n- multilingual\n- af")
    model = read_sentence_model(folder, "mine")
    assert model is not None
    assert model.languages >= {"af", "de", "en", "es", "fr", "it", "nl", "pt"}


def test_the_packaged_model_reads_as_described():
    """What the packaged model's files say is what is written in the code."""
    from docent.indexing.embedder import packaged_model

    assert read_sentence_model(packaged_folder(), "all-MiniLM-L6-v2") == packaged_model()
