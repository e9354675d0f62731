"""The app started as a person starts it, and a browser to use it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = "/usr/bin/chromium"
SCREENSHOTS = ROOT / "screenshots"
expect.set_options(timeout=20_000)  # a machine under load is slow, not wrong
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@contextmanager
def running_app(storage: Path, **settings: object) -> Iterator[str]:
    """Run `python -m docent serve` until the block ends."""
    port = free_port()
    environ = {**os.environ, "DOCENT_STORAGE": str(storage), "DOCENT_PORT": str(port)}
    environ["DOCENT_SUMMARIES_AHEAD"] = "0"  # they would take the replies that a test has scripted
    environ.update({name: str(value) for name, value in settings.items()})
    log = storage.parent / f"serve-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "docent", "serve"], cwd=ROOT, env=environ, stdout=out, stderr=out
        )
    try:
        url = f"http://localhost:{port}"
        wait_for(url, process, log)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + 90
    while time.monotonic() < limit:
        if process.poll() is not None:
            raise AssertionError(f"the app ended with {process.returncode}:\n{log.read_text()}")
        try:
            urllib.request.urlopen(f"{url}/health", timeout=2).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the app did not answer within 90 s:\n{log.read_text()}")


@pytest.fixture(scope="session")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ingest the sample libraries once, as a person would."""
    folder = tmp_path_factory.mktemp("e2e") / "storage"
    environ = {**os.environ, "DOCENT_STORAGE": str(folder)}
    done = subprocess.run(
        [sys.executable, "ingest.py"], cwd=ROOT, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copytree(folder, folder.parent / "copy")
    return folder


@pytest.fixture(scope="session")
def copied_storage(storage: Path) -> Path:
    """Return a copy of the storage for a second app: a storage folder has one owner."""
    return storage.parent / "copy"


@pytest.fixture(scope="module")  # no wider: its driver keeps an event loop running, which other tests need
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(f"The browser tests need {CHROMIUM}. Install it: sudo apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open an empty page, 1280 wide; `page.requested` lists the requests that left the browser."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
    page = context.new_page()
    page.requested = []  # type: ignore[attr-defined]

    def note(request: Request) -> None:
        if request.failure != "csp":  # refused by the page's own policy, before anything was sent
            page.requested.append(request.url)  # type: ignore[attr-defined]

    page.on("requestfinished", note)
    page.on("requestfailed", note)
    yield page
    context.close()


def ask(page: Page, url: str, question: str) -> None:
    """Open the chat, wait until it is connected, and ask."""
    with page.expect_websocket():
        page.goto(url)
    connected(page)
    again(page, question)


def connected(page: Page) -> None:
    """Wait for the settings button, drawn last: Chainlit drops what is sent before its session is up."""
    page.wait_for_selector("#chat-input")
    page.wait_for_selector("#chat-settings-open-modal")


def until(holds: Callable[[], bool], *, within: float = 20.0) -> None:
    """Wait for a condition that no page shows."""
    limit = time.monotonic() + within
    while not holds():
        assert time.monotonic() < limit, f"the condition did not hold within {within} s"
        time.sleep(0.05)


def again(page: Page, question: str) -> None:
    page.click("#chat-input")
    page.keyboard.type(question)
    page.keyboard.press("Enter")


def answers(page: Page) -> Locator:
    """Return the answers on the page, without the receipts, which are messages of their own."""
    return page.locator(".ai-message:not(:has(button[id^=step-]))")


def picture(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
