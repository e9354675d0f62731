"""The files that GitHub and Docker read are well-formed, and say what Docent's settings say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from docent.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SCHEMAS = {
    ".github/workflows/test.yml": "vendor.github-workflows",
    ".github/workflows/image.yml": "vendor.github-workflows",
    ".github/dependabot.yml": "vendor.dependabot",
    "docker-compose.yml": "vendor.compose-spec",
    "docker-compose.gpu.yml": "vendor.compose-spec",
    "docker-compose.lite.yml": "vendor.compose-spec",
}


@pytest.mark.parametrize("path", SCHEMAS)
def test_the_file_follows_its_schema(path: str):
    """Checked against the published schema of its kind, without asking anybody."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[path], str(ROOT / path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", [path for path in SCHEMAS if "compose" in path])
def test_compose_files_name_settings_that_exist(path: str):
    """Every DOCENT_ variable is a setting, or one that the compose file itself reads."""
    known = {f"DOCENT_{name.upper()}" for name in Settings.model_fields} | {"DOCENT_IMAGE"}
    assert set(re.findall(r"DOCENT_[A-Z_]+", (ROOT / path).read_text())) <= known


NOT_PASSED_ON = {
    "storage", "data", "host", "chroma_url", "pull_url",  # fixed
    "model_key",  # a secret, so that it does not show in `docker inspect`
    "personas", "content_policy_file",  # files, which have to be mounted as well
    "sources", "source_hosts", "sources_every", "mcp_servers",  # the containers reach no other host
    "dictionaries",  # the image brings its own
    "files_url", "files_key", "files_key_file",  # with a database only
    "database_url", "database_url_file", "replica", "read_files", "max_lag",  # docker-compose.cluster.yml's
    "embedding_model", "reranker", "retrieval", "notifiers",  # need models or packages that the image has not
}  # fmt: skip


def test_settings_in_dot_env_reach_the_container():
    """Each setting can be put into .env, but for those that docs/containers.md excludes with a reason."""
    text = (ROOT / "docker-compose.yml").read_text()
    given = {name for name in Settings.model_fields if f"${{DOCENT_{name.upper()}:-" in text}
    assert set(Settings.model_fields) - given == NOT_PASSED_ON
    page = (ROOT / "docs/containers.md").read_text()
    assert {name for name in NOT_PASSED_ON if f"`DOCENT_{name.upper()}`" not in page} == set()


def test_one_container_takes_the_settings_that_several_take():
    """docker-compose.lite.yml hands on what docker-compose.yml does, but for the servers that it has not."""
    given = [
        set(yaml.safe_load((ROOT / path).read_text())["services"]["app"]["environment"])
        for path in ("docker-compose.lite.yml", "docker-compose.yml")
    ]
    assert given[1] - given[0] == {"DOCENT_CHROMA_URL", "DOCENT_PULL_URL"}
    assert given[0] <= given[1]


def test_the_image_has_the_page_about_docent_in_each_language():
    """What the browser shows under "Readme" is copied into the image, not only in English."""
    copied = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines()}
    assert {path.name for path in ROOT.glob("chainlit*.md")} <= copied


def test_the_chroma_server_is_the_version_of_the_client():
    """The image's tag is the version that is pinned."""
    image = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["chroma"]["image"]
    assert f"chromadb=={image.partition(':')[2]}" in (ROOT / "requirements.txt").read_text().splitlines()
