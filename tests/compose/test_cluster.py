"""`docker-compose.cluster.yml` from nothing: two web replicas behind nginx, two workers; one of each dies."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.compose.conftest import ROOT, Report, Stack, run, stack

pytestmark = pytest.mark.compose

FILE = "docker-compose.cluster.yml"
QUESTION = "Which internship is about machine learning?"
ANSWER = "tidelight-machine-learning.pdf"
WEB = ("web1", "web2")


@pytest.fixture(scope="module")
def up(images, report: Report, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start all services from nothing, as the comment at the top of the file says."""
    folder = tmp_path_factory.mktemp("cluster")
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    run(ROOT / "tools" / "make_secrets.sh", folder / "secrets")
    with stack("docent-cluster", folder, FILE) as project:
        began = time.monotonic()
        project.compose("up", "-d", "--no-build")
        project.wait("/ready", seconds=240)
        report.figures["cluster_seconds_to_page"] = round(time.monotonic() - began, 1)
        yield project


def ask(stack: Stack) -> dict[str, Any]:
    """Ask through nginx, and return what the API says of the answer."""
    body = {"model": "library/internships", "messages": [{"role": "user", "content": QUESTION}]}
    response = httpx.post(f"{stack.url}/v1/chat/completions", json=body, timeout=120, trust_env=False)
    assert response.is_success, response.text
    return dict(response.json()["docent"])


def answers(stack: Stack) -> bool:
    asked = ask(stack)
    return bool(asked["receipt"]["model"] == "mistral" and asked["citations"][0]["file"] == ANSWER)


def test_both_replicas_answer(up: Stack):
    """The tables are made, the documents read and the model fetched once; then each replica answers."""
    assert up.ended("migrate") == 0, up.compose("logs", "migrate").stdout
    assert up.ended("ingest") in (0, 1), up.compose("logs", "ingest").stdout
    assert up.ended("model") == 0, up.compose("logs", "model").stdout
    for service in WEB:
        words = ["ask", QUESTION, "--library", "internships", "--json"]
        answer = json.loads(up.inside(service, "python", "-m", "docent", *words).stdout)
        assert answer["citations"][0]["file"] == ANSWER
    assert answers(up)


def test_a_browser_is_led_to_one_replica(up: Stack):
    """The first answer names the replica that all further ones come from."""
    with httpx.Client(base_url=up.url, timeout=30, trust_env=False) as browser:
        first = browser.get("/user").cookies["docent_replica"]
        assert first in WEB
        assert not any("set-cookie" in browser.get("/user").headers for _ in range(20))


def test_passwords_do_not_show(up: Stack):
    """They are readable inside, and neither in docker inspect nor in logs."""
    for name in ("postgres_password", "database_url"):
        secret = (up.folder / "secrets" / name).read_text().strip()
        outputs = [run("docker", "inspect", up.container(service)).stdout for service in (*WEB, "postgres")]
        assert not any(secret in text for text in [*outputs, up.compose("logs").stdout])
    assert "postgresql://" in up.inside("web1", "cat", "/run/secrets/database_url").stdout


def test_only_nginx_is_published(up: Stack):
    """No other container has a port of this machine."""
    published = run("docker", "ps", "--filter", f"label=com.docker.compose.project={up.name}",
                    "--format", "{{.Names}} {{.Ports}}").stdout  # fmt: skip
    assert [line.split()[0] for line in published.splitlines() if "->" in line] == [
        name for name in (line.split()[0] for line in published.splitlines()) if "nginx" in name
    ]


def test_a_web_replica_is_killed(up: Stack, report: Report):
    """The next question is answered by the other; the killed one comes back and answers again."""
    run("docker", "kill", up.container("web1"))
    began = time.monotonic()
    assert answers(up)
    report.figures["cluster_seconds_to_answer_of_the_other"] = round(time.monotonic() - began, 1)
    with httpx.Client(base_url=up.url, timeout=30, trust_env=False) as browser:
        browser.cookies.set("docent_replica", "web1")
        assert browser.get("/user").is_success
        assert browser.get("/ready").is_success
    up.compose("up", "-d", "--no-build", "--no-deps", "web1")
    limit = time.monotonic() + 120
    while "healthy" not in run("docker", "ps", "--filter", f"id={up.container('web1')}").stdout:
        assert time.monotonic() < limit
        time.sleep(0.5)
    assert up.inside("web1", "python", "-m", "docent", "search", QUESTION, "--json").stdout.count(ANSWER)


def test_a_worker_is_killed(up: Stack):
    """A file that is handed to the web replicas is read by the worker that is left."""
    run("docker", "kill", up.container("worker1"))
    upload = {"file": ("ferries.md", "The ferry to Ravensholm leaves from pier nine.")}
    response = httpx.post(f"{up.url}/v1/files", files=upload, timeout=60, trust_env=False)
    assert response.is_success, response.text
    file = f"{up.url}/v1/files/{response.json()['id']}"
    limit = time.monotonic() + 120
    while (status := httpx.get(file, timeout=60, trust_env=False).json()["status"]) != "processed":
        assert time.monotonic() < limit, status
        time.sleep(0.2)
    query = {"query": "Where does the ferry to Ravensholm leave?"}
    found = httpx.post(f"{up.url}/v1/search", json=query, timeout=60, trust_env=False).json()["data"]
    assert found[0]["file"] == "ferries.md"


def test_down_with_volumes_leaves_nothing(up: Stack):
    """No container, volume or network remains."""
    up.compose("down", "-v")
    for kind in (["ps", "-aq"], ["volume", "ls", "-q"], ["network", "ls", "-q"]):
        label = f"label=com.docker.compose.project={up.name}"
        assert run("docker", *kind, "--filter", label).stdout == ""
