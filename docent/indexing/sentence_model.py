"""Descriptions of embedding models, from folders of the sentence-transformers kind, for the fast engine.

The files say how many layers the model has, how a text's vector is made of its tokens', how much it reads and
what it wants before a text. Some models say the last in their documentation only: the table below has them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from docent.errors import EmbeddingError

POSITIONS_FROM = {"bert": 0, "roberta": 2, "xlm-roberta": 2, "camembert": 2}
"""By the kind of model: the first position of a text; RoBERTa's begin after that of its padding."""
WEIGHTS_FILE = "model.safetensors"
PREFIXES = {"e5": ("query: ", "passage: ")}
"""By a part of the model's name: what it was trained with before a question, and before a text."""
MULTILINGUAL = "multilingual"
SEVEN = ("de", "en", "es", "fr", "it", "nl", "pt")
FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---", re.DOTALL)
LANGUAGES = re.compile(r"^languages?:[ \t]*(.*(?:\n[ \t]*-[ \t]*\S+)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SentenceModel:
    """A BERT-like model, as its files describe it."""

    folder: Path
    layers: int
    heads: int
    dimensions: int
    epsilon: float
    max_tokens: int
    pooling: Literal["mean", "cls"]
    first_position: int = 0
    before_query: str = ""
    before_text: str = ""
    languages: frozenset[str] = frozenset()
    """ISO 639-1 codes; those that Docent knows, where the model only says that it is multilingual."""

    def weights_sha256(self) -> str:
        with (self.folder / WEIGHTS_FILE).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def model_folder(name: str, cache: Path) -> Path:
    """Return the folder that a setting names, or that of a hub's model as the hub's own tools store it.

    A fine-tuned model is a folder of the cache, named without a path, so that storage/ may be moved.
    """
    if "/" not in name and (cache / name / WEIGHTS_FILE).is_file():
        return cache / name
    stored = cache / f"models--{name.replace('/', '--')}"
    revision = stored / "refs/main"
    if Path(name).is_dir() or not revision.is_file():
        return Path(name)
    return stored / "snapshots" / revision.read_text(encoding="utf-8").strip()


def read_sentence_model(folder: Path, name: str) -> SentenceModel | None:
    """Read a model's description; None where another engine must run it. Raises EmbeddingError."""
    try:
        return _read(folder, name)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise damaged_model(folder, error) from error


def damaged_model(folder: Path, error: Exception) -> EmbeddingError:
    return EmbeddingError(
        "The embedding model in {folder} cannot be read ({why}). Copy all of its files again, or choose "
        "another model: python -m docent model embedding NAME",
        folder=folder,
        why=f"{type(error).__name__}: {error}",
    )


def _read(folder: Path, name: str) -> SentenceModel | None:
    config = _json(folder / "config.json")
    modules = [str(module.get("type", "")).rpartition(".")[2] for module in _list(folder / "modules.json")]
    pooling = _pooling(_json(folder / "1_Pooling/config.json"))
    if (
        config.get("model_type") not in POSITIONS_FROM
        or config.get("hidden_act") != "gelu"
        or config.get("position_embedding_type", "absolute") != "absolute"
        or modules not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
        or pooling is None
        or not (folder / WEIGHTS_FILE).is_file()
        or not (folder / "tokenizer.json").is_file()
    ):
        return None
    first_position = POSITIONS_FROM[config["model_type"]]
    positions = int(config["max_position_embeddings"]) - first_position
    before_query, before_text = _prefixes(folder, name)
    return SentenceModel(
        folder=folder,
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        dimensions=int(config["hidden_size"]),
        epsilon=float(config["layer_norm_eps"]),
        max_tokens=min(
            positions, int(_json(folder / "sentence_bert_config.json").get("max_seq_length") or positions)
        ),
        pooling=pooling,
        first_position=first_position,
        before_query=before_query,
        before_text=before_text,
        languages=_languages(folder, name),
    )


def _pooling(config: dict[str, Any]) -> Literal["mean", "cls"] | None:
    """Return how a text's vector is made of its tokens'; None for a way that is not built here."""
    modes = {key.removeprefix("pooling_mode_") for key, value in config.items() if value is True}
    mode = config.get("pooling_mode")  # as newer releases write it
    if modes & {"mean_tokens", "cls_token"} == {"mean_tokens"} or mode == "mean":
        return "mean"
    return "cls" if "cls_token" in modes or mode == "cls" else None


def _prefixes(folder: Path, name: str) -> tuple[str, str]:
    prompts = _json(folder / "config_sentence_transformers.json").get("prompts") or {}
    query = str(prompts.get("query") or "")
    text = str(prompts.get("document") or prompts.get("passage") or prompts.get("text") or "")
    if query or text:
        return query, text
    words = re.findall(r"[a-z0-9]+", name.rpartition("/")[2].lower())
    return next((both for part, both in PREFIXES.items() if part in words), ("", ""))


def _languages(folder: Path, name: str) -> frozenset[str]:
    readme = folder / "README.md"
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.is_file() else ""
    head = FRONT_MATTER.match(text)
    listed = LANGUAGES.search(head[1]) if head else None
    codes = frozenset(re.findall(r"\b[a-z]{2}\b", listed[1])) if listed else frozenset()
    said = (listed[1] if listed else "") + name.rpartition("/")[2].lower()
    return codes | frozenset(SEVEN) if MULTILINGUAL in said else codes


def _json(path: Path) -> dict[str, Any]:
    value = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return value if isinstance(value, dict) else {}


def _list(path: Path) -> list[dict[str, Any]]:
    value = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
