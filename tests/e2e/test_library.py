"""The documents page in the browser: dropped files, live filters, selection, libraries, a look inside."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import picture, running_app
from tests.e2e.test_looks import violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(storage, tmp_path_factory, ollama_process):
    own = shutil.copytree(storage, tmp_path_factory.mktemp("library") / "storage")
    with running_app(own, DOCENT_MODEL_URL=ollama_process.url) as url:
        yield url


@pytest.fixture
def library(page: Page, app: str) -> Page:
    page.goto(f"{app}/documents")
    expect(page.locator("tbody tr").first).to_be_visible()
    return page


def drop(page: Page, files: dict[str, str]) -> None:
    """Drop files on the page as a person does, from outside of the browser."""
    page.evaluate(
        """files => {
            const data = new DataTransfer();
            for (const [name, text] of Object.entries(files)) data.items.add(new File([text], name));
            for (const kind of ["dragenter", "drop"])
                document.body.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true }));
        }""",
        files,
    )


def add(page: Page, prefix: str, count: int) -> None:
    drop(page, {f"{prefix}-{n:02}.txt": f"{prefix} number {n} tells of a lighthouse." for n in range(count)})
    page.get_by_label("Name holds").fill(prefix)
    expect(page.locator("tbody tr")).to_have_count(count)
    expect(page.locator("tbody .state.ready")).to_have_count(count, timeout=60_000)


def test_ten_documents_are_deleted_by_two_clicks(library):
    """Typed, selected with one click, deleted with another: one receipt for all ten."""
    add(library, "zebrafish", 10)
    clicks = []
    library.expose_function("clicked", lambda: clicks.append(1))
    library.evaluate("addEventListener('click', () => clicked(), true)")
    library.get_by_label("Select all that are shown").click()
    expect(library.locator("#count")).to_have_text("Selected: 10")
    picture(library, "library-selected")
    library.get_by_role("button", name="Delete for good: 10").click()
    expect(library.get_by_role("heading", name="10 documents were deleted")).to_be_visible()
    expect(library.get_by_text("Nothing of it is left.")).to_be_visible()
    assert len(clicks) <= 2
    picture(library, "library-receipt")


def test_dropped_files_are_read_without_a_reload(library):
    """Their state changes in place, while something that was typed stays where it is."""
    loads = []
    library.on("load", lambda: loads.append(1))
    library.get_by_text("New library").click()
    library.get_by_label("Its name").fill("half a na")
    drop(library, {"beacon.txt": "The beacon turns twice a minute.", "film.mp4": "no document"})
    expect(library.locator("#not-taken")).to_contain_text("film.mp4 was not taken: files of this kind")
    row = library.locator("tbody tr", has_text="beacon.txt")
    expect(row.locator(".state.ready")).to_be_visible(timeout=60_000)
    expect(library.get_by_label("Its name")).to_have_value("half a na")
    assert loads == []
    picture(library, "library-dropped")


def test_the_list_follows_each_key_and_keeps_its_address(library):
    """Typing filters without Enter; the address and the way back have the same list."""
    library.get_by_label("Name holds").press_sequentially("tidelight")
    expect(library).to_have_url(re.compile(r"/documents\?search=tidelight$"))
    expect(library.locator("tbody tr")).to_have_count(1)
    library.reload()
    expect(library.locator("tbody tr")).to_have_count(1)
    library.get_by_label("Name holds").fill("")
    expect(library.locator("tbody tr")).not_to_have_count(1)
    library.locator(".libraries a", has_text="restaurants").click()
    expect(library.locator("h2", has_text="restaurants")).to_be_visible()
    expect(library.locator("tbody tr")).to_have_count(8)
    library.locator("th a", has_text="Size").click()
    expect(library.locator("th[aria-sort=ascending]")).to_have_text("Size")
    library.go_back()
    expect(library.locator("th[aria-sort]")).to_have_count(0)
    library.go_back()
    expect(library.locator(".libraries a[aria-current]")).to_contain_text("Every library")


def test_a_selection_is_kept_and_tagged(library):
    """What is selected stays so in another part of the list; Enter in its field adds a tag to all of it."""
    library.get_by_label("Select halfmoon").first.check()
    library.get_by_label("Name holds").fill("tidelight")
    expect(library.locator("tbody tr")).to_have_count(1)
    library.get_by_label(re.compile("Select tidelight")).check()
    expect(library.locator("#count")).to_have_text("Selected: 2")
    library.get_by_text("Tag, move or read again").click()
    library.locator("#several [name=tag]").fill("Summer")
    with library.expect_navigation():
        library.keyboard.press("Enter")
    library.goto(library.url.partition("?")[0])
    expect(library.locator(".chip", has_text="summer")).to_have_count(2)
    library.locator(".chip", has_text="summer").first.click()
    expect(library.locator("tbody tr")).to_have_count(2)
    picture(library, "library-tags")


def test_a_range_is_selected_with_the_shift_key(library):
    """As in any list of files."""
    boxes = library.locator(".pick input")
    boxes.nth(1).click()
    boxes.nth(6).click(modifiers=["Shift"])
    expect(library.locator("#count")).to_have_text("Selected: 6")
    library.get_by_role("button", name="Select none").click()
    expect(library.locator("#several")).to_be_hidden()


def test_a_library_is_made_filled_and_deleted(library):
    """All of it in the page, without a command."""
    library.get_by_text("New library").click()
    library.get_by_label("Its name").fill("Harbour")
    library.keyboard.press("Enter")
    expect(library.locator("h2", has_text="Harbour")).to_be_visible()
    expect(library.locator("#drop select")).to_have_value("Harbour")
    drop(library, {"pier.txt": "The pier is closed in winter."})
    expect(library.locator("tbody tr", has_text="pier.txt").locator(".state.ready")).to_be_visible(
        timeout=60_000
    )
    library.get_by_text("Change this library").click()
    library.locator("form[action$=rename] [name=title]").fill("Old harbour")
    library.get_by_role("button", name="Rename").click()
    expect(library.locator("h2", has_text="Old harbour")).to_be_visible()
    library.get_by_text("Change this library").click()
    picture(library, "library-change")
    library.get_by_role("button", name="Delete this library…").click()
    expect(library.get_by_text("Documents that are removed for good, for everybody: 1.")).to_be_visible()
    library.get_by_role("button", name="Delete for good").click()
    expect(library.get_by_text("Nothing of it is left.")).to_be_visible()


def test_a_look_inside_marks_the_words(library):
    """A dialog shows the page with the words looked for, by keyboard alone; Escape closes it."""
    library.get_by_label("Name holds").fill("tidelight")
    expect(library.locator("tbody tr")).to_have_count(1)
    library.get_by_role("link", name=re.compile("Look inside: tidelight")).focus()
    library.keyboard.press("Enter")
    dialog = library.locator("dialog[open]")
    expect(dialog.locator("img.sheet")).to_be_visible()
    dialog.get_by_label("Find in this document").fill("Aarhus")
    library.keyboard.press("Enter")
    expect(dialog.get_by_text(re.compile(r"Found \d+ times"))).to_be_visible()
    assert (
        dialog.locator("img.sheet").evaluate("async image => (await image.decode(), image.naturalWidth)")
        > 300
    )
    picture(library, "library-look")
    assert violations(library) == []
    library.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_picture_that_cannot_be_had_now_says_so(library):
    """While the server of the originals is away, its sentence and the text of the page take its place."""
    sentence = "The server of s3://documents, where the original files are, cannot be used now."
    refusal = {"status": 503, "content_type": "text/plain; charset=utf-8", "body": sentence}
    library.route("**/picture*", lambda route: route.fulfill(**refusal))
    library.get_by_label("Name holds").fill("tidelight")
    expect(library.locator("tbody tr")).to_have_count(1)
    library.get_by_role("link", name=re.compile("Look inside: tidelight")).click()
    dialog = library.locator("dialog[open]")
    expect(dialog.get_by_role("status").get_by_text(sentence)).to_be_visible()
    expect(dialog.locator(".page-text")).to_be_visible()
    expect(dialog.locator("img.sheet")).to_have_count(0)
    picture(library, "library-look-away")
    assert violations(library) == []


def test_asking_leads_to_the_chat_with_the_document(library):
    """The link names the document as the source of a new conversation."""
    row = library.locator("tbody tr").first
    href = row.get_by_role("link", name=re.compile("^Ask about")).get_attribute("href")
    assert href == f"/?sources={row.get_attribute('data-id')}"


@pytest.mark.parametrize("width", [390, 1280, 1920])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_accessible_with_a_selection(browser, app, width, theme):
    """axe finds nothing at any width, in either theme; nothing is wider than the window."""
    context = browser.new_context(
        viewport={"width": width, "height": 860}, locale="fr-FR" if width > 1280 else "en-US"
    )
    page = context.new_page()
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
    page.goto(f"{app}/documents")
    page.locator(".pick input").first.check()
    page.locator("#several summary").click()
    page.locator(".libraries summary").click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture(page, f"library-{theme}-{width}")
    context.close()


def test_the_page_is_read_without_a_script(browser, app):
    """List, filters, sorting, pages of a document and selection are plain HTML."""
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(f"{app}/documents?search=tidelight")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name=re.compile("Look inside")).click()
    expect(page.locator("img.sheet")).to_be_visible()
    page.goto(f"{app}/documents")
    page.get_by_role("link", name="Size", exact=True).click()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Size")
    expect(page.get_by_role("button", name="Delete for good")).to_be_visible()
    context.close()


def test_five_thousand_documents_are_smooth(storage, tmp_path_factory, ollama_process, browser):
    """A key shows the new list within a second and scrolling drops no second, on a busy machine."""
    own = shutil.copytree(storage, tmp_path_factory.mktemp("many") / "storage")
    with closing(sqlite3.connect(own / "index" / "catalog.db")) as db, db:
        (shelf,) = db.execute("SELECT n FROM libraries LIMIT 1").fetchone()
        for n in range(5_000):
            row = db.execute(
                "INSERT INTO documents (id, library, sha256, name, added, bytes, state, visible) "
                "VALUES (?, ?, ?, ?, '2026-01-01', ?, 'queued', 1)",
                (f"{n:032x}", shelf, f"{n:064x}", f"report {n:05}.pdf", n),
            ).lastrowid
            db.execute(
                "INSERT INTO readings (document, generation, title, kind, language, date, state, reason, "
                "pages, unread_pages, chunks, embedded, loader) "
                "SELECT ?, n, '', '', '', '', 'ready', '', 9, 0, 0, 0, 0 FROM generations",
                (row,),
            )
            db.execute("INSERT INTO paths VALUES (?, ?, ?, 1000, 1, NULL)", (shelf, f"many/{n}", row))
    with running_app(own, DOCENT_MODEL_URL=ollama_process.url) as url:
        page = browser.new_page()
        page.goto(f"{url}/documents")
        box = page.get_by_label("Name holds")
        times = []
        for key in "report 0499":
            page.evaluate("window.began = performance.now()")
            with page.expect_response(re.compile("/documents")):
                box.press(key if key != " " else "Space")
            times.append(page.evaluate("performance.now() - window.began"))
        expect(page.locator("tbody tr")).to_have_count(11)
        page.get_by_label("Select all that are shown").click()
        box.fill("report")
        expect(page.locator("#results")).to_have_attribute("data-total", "5000")
        expect(page.locator("tbody tr")).to_have_count(50)
        longest = page.evaluate(
            """async () => {
                let longest = 0, last = performance.now();
                for (let y = 0; y < 4000; y += 80) {
                    scrollTo(0, y);
                    const now = await new Promise(requestAnimationFrame);
                    [longest, last] = [Math.max(longest, now - last), now];
                }
                return longest;
            }"""
        )
        page.close()
    assert sorted(times)[len(times) // 2] < 1_000
    assert longest < 1_000


def test_the_administrators_page_is_accessible(browser, app):
    """It is linked from the documents page; axe finds nothing, on a phone and on a wide screen."""
    for width, theme in ((1280, "light"), (390, "dark")):
        context = browser.new_context(viewport={"width": width, "height": 860}, locale="en-US")
        page = context.new_page()
        page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
        page.goto(f"{app}/documents")
        page.get_by_role("link", name="Administration").click()
        expect(page.get_by_role("heading", name="Health")).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        picture(page, f"admin-{theme}-{width}")
        context.close()
