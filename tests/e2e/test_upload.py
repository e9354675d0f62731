"""Files sent in the chat: followed, asked about, cancelled, shared, and private to their owner."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import again, ask, connected, picture, running_app
from tests.loading.makers import pdf, write

pytestmark = pytest.mark.browser

INPUT = "#upload-button-input"
FERRY = "The ferry Aurora leaves Bergen at half past seven in the evening."
QUESTION = "When does the ferry Aurora leave Bergen?"


@pytest.fixture(scope="module")
def own_storage(storage, tmp_path_factory) -> Path:
    """Return a copy that the tests of this module may change."""
    return shutil.copytree(storage, tmp_path_factory.mktemp("upload") / "storage")


@pytest.fixture(scope="module")
def app(own_storage, ollama_process):
    settings = {"DOCENT_MODEL_URL": ollama_process.url, "DOCENT_MAX_FILE_MB": 120}
    with running_app(own_storage, **settings) as url:
        yield url


@pytest.fixture(autouse=True)
def unscripted(ollama_process) -> None:
    """Let the fake model server answer from the passages, with their numbers."""
    ollama_process.reset()


def timetable(path: Path, *, pages: int = 3, of: str = FERRY, **options: object) -> Path:
    """Write a PDF with one sentence of interest, on its second page."""

    def draw(sheet, number):
        write(sheet, [of if number == 2 else f"Page {number} speaks of the weather in the harbour."])

    path.write_bytes(pdf(draw, pages=pages, **options))
    return path


def opened(page: Page, url: str) -> None:
    with page.expect_websocket():
        page.goto(url)
    connected(page)


def attach(page: Page, *paths: Path) -> None:
    page.set_input_files(INPUT, list(paths))
    page.wait_for_timeout(300)
    expect(page.locator("#chat-submit")).to_be_enabled(timeout=20_000)


def send(page: Page, text: str = "") -> None:
    if text:
        again(page, text)
    else:
        page.click("#chat-submit", no_wait_after=True)


def status(page: Page, name: str):
    """Return the message that shows a file's status."""
    return page.locator(".ai-message", has_text=name).first


def test_a_question_sent_with_a_file_is_answered_from_it(page, app, tmp_path):
    """The question waits for the file, and the citation opens its page."""
    opened(page, app)
    attach(page, timetable(tmp_path / "ferry times ⛴️ 2026.pdf"))
    send(page, QUESTION)
    expect(page.get_by_text("Searched in: ferry times ⛴️ 2026.pdf")).to_be_visible(timeout=60_000)
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    expect(status(page, "ferry times")).to_contain_text("is ready, pages: 3", timeout=60_000)
    helpful = page.get_by_role("button", name="Helpful", exact=True)
    expect(helpful).to_have_count(1)  # an answer can be rated, a file's status cannot
    expect(page.locator(".ai-message", has=page.locator("a.element-link"))).to_contain_text("Aurora")
    expect(page.locator(".ai-message", has=helpful).locator("a.element-link").first).to_be_visible()
    picture(page, "upload-asked")
    page.locator("a.element-link").first.click()
    expect(page.locator("#side-view-content")).to_contain_text("p. 2")
    picture(page, "upload-cited")


def test_a_file_without_a_question_is_read(page, app, tmp_path):
    """A later question in the same conversation finds it."""
    opened(page, app)
    attach(page, timetable(tmp_path / "night boat.pdf", of="The night boat Borealis carries forty goats."))
    send(page)
    expect(status(page, "night boat")).to_contain_text("is ready", timeout=60_000)
    again(page, "How many goats does the night boat Borealis carry?")
    expect(page.get_by_text("forty goats").last).to_be_visible(timeout=60_000)


def test_a_file_is_searched_in_its_own_conversation_only(page, app, tmp_path, ollama_process):
    """Another conversation does not find it, and its model never receives it."""
    opened(page, app)
    attach(page, timetable(tmp_path / "secret.pdf", of="The lighthouse keeper Quillfeather likes liquorice."))
    send(page)
    expect(status(page, "secret.pdf")).to_contain_text("is ready", timeout=60_000)
    ollama_process.reset()
    ask(page, app, "What does the lighthouse keeper Quillfeather like?")
    expect(page.locator(".ai-message").first).to_be_visible(timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
    assert "liquorice" not in page.inner_text("body")
    asked = [body for body in (str(request.body) for request in ollama_process.requests) if "keeper" in body]
    assert not [body for body in asked if "liquorice" in body and "Summarise this document" not in body]


def test_a_shared_file_is_found_in_every_conversation(page, app, tmp_path):
    """Its status names the library."""
    opened(page, app)
    attach(page, timetable(tmp_path / "bakery.pdf", of="The bakery Zwetschge sells plum cake on Fridays."))
    send(page)
    expect(status(page, "bakery.pdf")).to_contain_text("is ready", timeout=60_000)
    page.get_by_role("button", name="Share with the library").click()
    picture(page, "upload-share")
    page.get_by_role("button", name="Share with everybody in “uploads”").click()
    expect(status(page, "bakery.pdf")).to_contain_text("is shared", timeout=20_000)
    ask(page, app, "What does the bakery Zwetschge sell on Fridays?")
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    expect(page.locator(".ai-message").first).to_contain_text("plum cake")


def test_a_long_file_is_followed_and_cancelled(page, app, own_storage, tmp_path):
    """Its status counts the pages; once cancelled, nothing of it is stored and its question is not asked."""
    opened(page, app)
    before = set((own_storage / "originals").iterdir())
    attach(page, timetable(tmp_path / "long.pdf", pages=3_000))
    send(page, QUESTION)
    expect(status(page, "long.pdf")).to_contain_text(re.compile(r"reading \d+/3000 pages"), timeout=60_000)
    expect(page.get_by_text("Your question is asked as soon as")).to_be_visible()
    picture(page, "upload-reading")
    page.get_by_role("button", name="Cancel").click()
    expect(status(page, "long.pdf")).to_contain_text("was cancelled", timeout=20_000)
    expect(page.get_by_text("your question was not asked")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    picture(page, "upload-cancelled")
    page.wait_for_timeout(1_000)
    assert set((own_storage / "originals").iterdir()) == before


def test_a_file_is_followed_after_a_reload(page, app, tmp_path):
    """Its status is shown again, goes on, and its button still works."""
    opened(page, app)
    attach(page, timetable(tmp_path / "reloaded.pdf", pages=3000))
    send(page)
    expect(status(page, "reloaded.pdf")).to_contain_text("/3000 pages", timeout=60_000)
    page.wait_for_url("**/thread/*")
    page.reload()
    expect(status(page, "reloaded.pdf")).to_contain_text("reloaded.pdf", timeout=20_000)
    page.get_by_role("button", name="Cancel").click(timeout=20_000)
    expect(status(page, "reloaded.pdf")).to_contain_text("was cancelled", timeout=20_000)
    page.reload()
    expect(status(page, "reloaded.pdf")).to_contain_text("was cancelled", timeout=20_000)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


def test_a_locked_pdf_asks_for_its_password(page, app, own_storage, tmp_path):
    """The password is entered on a page of its own; neither conversation nor storage contains it."""
    opened(page, app)
    attach(page, timetable(tmp_path / "locked.pdf", encrypt="opens sesame"))
    send(page, QUESTION)
    link = page.get_by_role("link", name="Enter its password")
    expect(link).to_be_visible(timeout=60_000)
    with page.context.expect_page() as tab:
        link.click()
    tab.value.fill("#password", "opens sesame")
    tab.value.click("button")
    expect(tab.value.get_by_text("The file is being read")).to_be_visible(timeout=20_000)
    tab.value.close()
    expect(status(page, "locked.pdf")).to_contain_text("is ready", timeout=60_000)
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    assert "sesame" not in page.inner_text("body")
    files = [path for path in own_storage.rglob("*") if path.is_file()]
    assert not [path for path in files if b"opens sesame" in path.read_bytes()]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        pytest.param("report.pdf", b"MZ\x90\0" + b"\0" * 500, "is a Windows program", id="a program"),
        pytest.param("broken.pdf", b"%PDF-1.7 nothing more", "broken.pdf", id="damaged"),
        pytest.param("archive.zip", b"PK\x03\x04", "files of this kind cannot be read", id="an archive"),
        pytest.param("empty.txt", b"", "it is empty", id="empty"),
    ],
)
def test_an_unreadable_file_is_refused(page, app, tmp_path, name, data, reason):
    """A sentence says why; the conversation can go on."""
    (tmp_path / name).write_bytes(data)
    opened(page, app)
    page.set_input_files(INPUT, [tmp_path / name])
    page.wait_for_timeout(500)
    picture(page, f"upload-{name}")
    if page.locator("#chat-submit").is_enabled():
        send(page)
    expect(page.get_by_text(reason).first).to_be_visible(timeout=60_000)
    again(page, "What do openings ask for?")
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)


def test_twenty_files_are_read_from_one_message(page, app, tmp_path):
    """Files above the limit are named, and a file with the same bytes as another is read once."""
    opened(page, app)
    paths = [tmp_path / f"note {n}.txt" for n in range(25)]
    for n, path in enumerate(paths):
        path.write_text(f"Note {max(n, 1)} is about the colour of boat {max(n, 1)}.")
    attach(page, *paths)
    send(page)
    expect(page.get_by_text("At most 20 files go with one message")).to_contain_text(
        "note 24.txt", timeout=60_000
    )
    expect(page.locator(".ai-message", has_text="is ready")).to_have_count(19, timeout=120_000)
    expect(page.locator(".ai-message", has_text="is the same file as")).to_have_count(1)
    picture(page, "upload-many")


def test_files_can_be_dropped_anywhere_on_the_page(page, app):
    """Drag and drop sends a file as the button does."""
    opened(page, app)
    data = page.evaluate_handle(
        """() => { const moved = new DataTransfer();
        const words = ["The crane Leopoldine lifts nine tonnes."];
        moved.items.add(new File(words, "crane.txt", {type: "text/plain"}));
        return moved; }"""
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event('div:has(> [id="#upload-drop-input"])', event, {"dataTransfer": data})
    expect(page.get_by_text("crane.txt").first).to_be_visible(timeout=20_000)
    page.wait_for_timeout(500)
    send(page)
    expect(status(page, "crane.txt")).to_contain_text("is ready", timeout=60_000)


def test_files_are_deleted_with_their_conversation(page, app, own_storage, tmp_path):
    """A file that only this conversation could search is removed from storage."""
    opened(page, app)
    attach(page, timetable(tmp_path / "gone.pdf", of="The gardener Ottoline grows blue turnips."))
    send(page, "What does the gardener Ottoline grow?")
    expect(status(page, "gone.pdf")).to_contain_text("is ready", timeout=60_000)
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    page.wait_for_url("**/thread/*")
    thread = page.url.rpartition("/")[2]
    before = set((own_storage / "originals").iterdir())
    assert page.request.delete(f"{app}/project/thread", data={"threadId": thread}).ok
    assert len(before - set((own_storage / "originals").iterdir())) == 1


def test_the_card_of_a_file_leads_to_its_pages_and_asks_what_it_answers(page, app):
    """Key figures link to the page with the words marked; an offered question is asked of this file."""
    opened(page, app)
    attach(page, Path("data/internships/tidelight-machine-learning.pdf"))
    send(page)
    card = status(page, "tidelight")
    expect(card).to_contain_text("Key dates and figures", timeout=60_000)
    expect(card).to_contain_text("Pay: DKK 21,400 a month")
    picture(page, "upload-card")
    page.set_viewport_size({"width": 390, "height": 844})
    picture(page, "upload-card-narrow")
    page.set_viewport_size({"width": 1280, "height": 800})
    address = card.locator("li", has_text="Pay: DKK").locator("a").get_attribute("href")
    assert address and re.fullmatch(r"/documents/\w+/pages/1\?find=.+", address)
    other = page.context.new_page()
    other.goto(app + address)
    expect(other.locator("mark").first).to_contain_text("Pay")
    other.close()
    page.get_by_role("button", name="What is the pay?").click()
    expect(page.locator("a.element-link").first).to_be_visible(timeout=60_000)
    answer = page.locator(".ai-message", has=page.locator("a.element-link"))
    expect(answer).to_contain_text("Sources: tidelight-machine-learning.pdf")
