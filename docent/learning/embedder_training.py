"""Fine-tune the embedding model on mined pairs, with the trainer of sentence-transformers.

Each question is drawn to its passage and away from a wrong one that retrieval found, and from the passages of
the other questions of its batch (multiple negatives ranking). The result is the mean of the old and the new
weights: it keeps more of what the model knew, and the closeness from which passages are relevant.
"""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from docent.errors import EmbeddingError
from docent.indexing.sentence_model import WEIGHTS_FILE, SentenceModel
from docent.indexing.torch_models import OFFLINE
from docent.learning.mining import MinedPair

PACKAGES = ("torch", "sentence_transformers", "accelerate", "datasets")
BATCH = 16
HARD = 2
"""Wrong passages of each question: a row of the training data for each."""
EPOCHS = 2
LEARNING_RATE = 2e-5
SHARE = 0.5
"""Of the new weights in the mean with the old ones."""
SEED = 20_26


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """The cost of a training."""

    pairs: int
    steps: int
    of_steps: int
    """More than `steps` where the time was up before."""
    seconds: float
    peak_bytes: int
    """Of memory, of the whole process."""


def require_finetune() -> None:
    """Raise EmbeddingError where a package of the extra is missing: a plain install leaves them out."""
    os.environ.update(dict.fromkeys(OFFLINE, "1"))
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise EmbeddingError(
            "Fine-tuning needs packages that are not installed here ({missing}). Run: "
            "pip install 'docent-rag[finetune]', or in a checkout: make install-finetune",
            missing=", ".join(missing),
        )


def train_embedder(
    model: SentenceModel,
    target: Path,
    pairs: Sequence[MinedPair],
    *,
    device: str,
    threads: int,
    seconds: float,
    on_progress: Callable[[int, int], None],
) -> TrainingRun:
    """Write a fine-tuned copy of a model to a new folder; training stops when its time is up.

    It runs on so many threads; 0: on every core.
    """
    require_finetune()
    rows = [
        (f"{model.before_query}{mined.pair.question.question}", f"{model.before_text}{mined.positive}",
         f"{model.before_text}{negative}")
        for mined in pairs
        for negative in mined.negatives[:HARD]
    ]  # fmt: skip
    import torch

    if threads:
        torch.set_num_threads(threads)
    began = time.monotonic()
    steps = math.ceil(len(rows) / BATCH) * EPOCHS
    trained, done = _train(model, rows, device=device, until=began + seconds, on_progress=on_progress)
    _write(model, target, trained)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return TrainingRun(len(pairs), done, max(steps, done), time.monotonic() - began, peak)


def _train(
    model: SentenceModel,
    rows: Sequence[tuple[str, str, str]],
    *,
    device: str,
    until: float,
    on_progress: Callable[[int, int], None],
) -> tuple[dict[str, Any], int]:
    """Return the trained weights, and the number of steps done."""
    from datasets import Dataset, disable_progress_bars
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from transformers import PrinterCallback, TrainerCallback
    from transformers.utils import logging

    disable_progress_bars()
    logging.disable_progress_bar()

    class Deadline(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            on_progress(state.global_step, state.max_steps)
            control.should_training_stop |= time.monotonic() > until

    network = SentenceTransformer(
        str(model.folder), device=None if device == "auto" else device, local_files_only=True
    )
    network.max_seq_length = model.max_tokens
    anchors, positives, negatives = zip(*rows, strict=True)
    with tempfile.TemporaryDirectory(prefix="docent-training-") as scratch:
        trainer = SentenceTransformerTrainer(
            model=network,
            args=SentenceTransformerTrainingArguments(
                output_dir=scratch,
                num_train_epochs=EPOCHS,
                per_device_train_batch_size=BATCH,
                learning_rate=LEARNING_RATE,
                warmup_steps=0.1,
                batch_sampler="no_duplicates",
                seed=SEED,
                use_cpu=network.device.type == "cpu",
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
                dataloader_pin_memory=False,
            ),
            train_dataset=Dataset.from_dict(
                {"anchor": list(anchors), "positive": list(positives), "negative": list(negatives)}
            ),
            loss=MultipleNegativesRankingLoss(network),
            callbacks=[Deadline()],
        )
        trainer.remove_callback(PrinterCallback)  # it writes to stdout, where the result belongs
        trainer.train()
    transformer: Any = network[0]
    weights = transformer.auto_model.state_dict()
    return {name: tensor.detach().cpu() for name, tensor in weights.items()}, int(trainer.state.global_step)


def _write(model: SentenceModel, target: Path, trained: dict[str, Any]) -> None:
    """Copy the model with the mean of its weights and the trained ones, in the names of its own file."""
    from safetensors.torch import load_file, save_file

    old = load_file(model.folder / WEIGHTS_FILE)
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(model.folder, part, ignore=shutil.ignore_patterns(WEIGHTS_FILE, ".git*"))
    mean = {
        name: old[name].lerp(trained[name].to(old[name].dtype), SHARE).contiguous()
        if name in trained
        else old[name]
        for name in old
    }
    save_file(mean, part / WEIGHTS_FILE, metadata={"format": "pt"})
    limits = part / "sentence_bert_config.json"
    known = json.loads(limits.read_text(encoding="utf-8")) if limits.is_file() else {}
    limits.write_text(json.dumps(known | {"max_seq_length": model.max_tokens}), encoding="utf-8")
    part.replace(target)
