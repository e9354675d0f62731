"""Take the screenshots of docs/screenshots: `python -m tests.e2e.screens [--look NAME] [--into FOLDER]`.

They start from an empty storage, with a fake model that answers as a real one would about the samples. Every
screen is taken in every look; IN_GUIDE names those for the guide, and --into keeps all of them for review.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from docent.web.accounts.users import Users
from tests.e2e.conftest import ARGUMENTS, CHROMIUM, ROOT, again, answers, running_app, until
from tests.fakes.plugin import Ollama, start_process
from tests.loading.makers import pdf, write

GUIDE = ROOT / "docs" / "screenshots"
MAIN = "start answer source receipt upload documents document history settings login admin shared".split()
IN_GUIDE = {
    *(f"{screen}-{look}" for screen in MAIN for look in ("light", "phone-dark")),
    *("source-dark-french", "receipt-dark-french", "upload-phone-light-french"),
    *("not-found-light", "personas-light", "table-light", "share-light", "person-light", "look-inside-light"),
    *("sources-light", "model-light", "first-run-light"),
    *("research-source-light", "research-light", "research-phone-dark"),
}
PASSWORD = "a long password"
INTERNSHIP = "Which internship is about machine learning, and what does it pay?"
INTERNSHIP_REPLY = (
    "The machine learning internship is at **Tidelight Analytics** in Aarhus: you train a small sequence "
    "model on four years of ship positions, weather and crane logs [1]. It pays DKK 21,400 a month [1]. "
    "It starts on Tuesday 1 June 2027 and lasts 14 weeks [1].\n\n"
    "Applications are due by 28 February 2027 [1]."
)
MENU = "What does the Barolo at Casa Limonaia cost, and how long is the dough left to rise?"
MENU_REPLY = (
    "| Wine | From | Year | Bottle |\n| --- | --- | --- | --- |\n"
    "| Barolo Casa del Tasso | Piedmont | 2018 | €98.00 |\n\n"
    "Barolo Casa del Tasso is €98.00 a bottle [1]. Dough is left to rise for 48 hours [2]."
)
LONG_REPLY = (
    "- **Tidelight Analytics**, Aarhus: DKK 21,400 a month, from 1 June 2027, 14 weeks.\n"
    "- **Saltmarsh**: €1,600 a month before tax.\n"
    "- **Copper Ledger**, Nairobi: KES 45,000 a month, plus KES 600 for each reporting day.\n"
    "- **Evenbook**: three of every four interns come back as associates; the salary then is SGD 3,900.\n"
    "- **Plumb and Pixel**: remote interns get a monitor by post and visit once, for four days in April.\n"
    "- **Weaverbird**: a test of 400 words, 200 from each language, paid with €40."
)
EARLIER_TURNS = (
    ("How do I add my own documents?", "Put files into the folder data/ and run ingest.py [1]."),
    ("Which dishes contain no nuts?", "Burrata, grilled peach and basil contain milk, but no nuts [1]."),
)
RESEARCH = "Compare all internships by pay, place and deadline"
UNKNOWN = "Who won the bicycle race around the moon in 1742?"
LEASE = "The notice period for the flat in Mill Street is three months, in writing."
LEASE_QUESTION = "What is the notice period for Mill Street?"


@dataclass(frozen=True, slots=True)
class Look:
    """Window size, theme and language of a browser."""

    name: str
    width: int
    height: int
    theme: str
    language: str


LOOKS = {
    look.name: look
    for look in (
        Look("light", 1280, 860, "light", "en-US"),
        Look("phone-dark", 390, 844, "dark", "en-US"),
        Look("dark-french", 1280, 860, "dark", "fr-FR"),
        Look("phone-light-french", 390, 844, "light", "fr-FR"),
    )
}


class Camera:
    """A browser page and the folder of its screenshots."""

    def __init__(self, page: Page, look: Look, folder: Path) -> None:
        self.page, self.look, self._folder = page, look, folder

    def take(self, screen: str) -> None:
        self.page.wait_for_timeout(500)  # animations end
        name = f"{screen}-{self.look.name}"
        taken = self.page.screenshot(path=self._folder / f"{name}.png", timeout=120_000)
        if name in IN_GUIDE:
            (GUIDE / f"{name}.png").write_bytes(taken)

    def path(self, screen: str) -> Path:
        return self._folder / f"{screen}-{self.look.name}.png"

    def localized(self, english: str, french: str) -> str:
        return french if self.look.language.startswith("fr") else english


@contextmanager
def open_camera(browser: Browser, look: Look, folder: Path) -> Iterator[Camera]:
    context = browser.new_context(viewport={"width": look.width, "height": look.height}, locale=look.language)
    page = context.new_page()
    page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{look.theme}')")
    yield Camera(page, look, folder)
    context.close()


def open_chat(page: Page, url: str) -> None:
    with page.expect_websocket():
        page.goto(url)
    page.wait_for_selector("#chat-input")
    page.wait_for_timeout(1500)  # Chainlit drops messages sent before its session is ready


def wait_for_answer(page: Page, count: int = 1) -> None:
    expect(answers(page)).to_have_count(count, timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)


def ask_scripted(page: Page, url: str, model: Ollama, question: str, reply: str) -> None:
    open_chat(page, url)
    model.script(reply)
    again(page, question)
    wait_for_answer(page)


def sample_uploads(folder: Path) -> list[Path]:
    """Write files that people might upload: a long report, a lease, and a program with the name of a PDF."""
    folder.mkdir(exist_ok=True)

    def weather(sheet: object, number: int) -> None:
        write(sheet, [f"Page {number} of the report speaks of wind, waves and the harbour."])

    def lease(sheet: object, number: int) -> None:
        write(sheet, [LEASE if number == 2 else f"Lease, page {number}."])

    report, contract, program = (
        folder / name for name in ("Harbour report 2019-2025.pdf", "Lease Mill Street.pdf", "Invoice.pdf")
    )
    report.write_bytes(pdf(weather, pages=3000))
    contract.write_bytes(pdf(lease, pages=4))
    program.write_bytes(b"MZ\x90\0" + b"\0" * 500)
    return [report, contract, program]


def start(camera: Camera, url: str) -> None:
    page = camera.page
    open_chat(page, url)
    camera.take("start")
    page.click("#docent-model")
    camera.take("model")
    page.keyboard.press("Escape")
    page.click("#chat-profiles")
    camera.take("personas")
    open_chat(page, url)
    page.click("#chat-settings-open-modal")
    camera.take("settings")


def first_run(camera: Camera, url: str) -> None:
    page = camera.page
    open_chat(page, url)
    expect(page.locator(".first-model button")).to_be_visible(timeout=20_000)
    camera.take("first-run")


def answer(camera: Camera, url: str, model: Ollama) -> None:
    """Take an answer, its source page and its receipt."""
    page = camera.page
    ask_scripted(page, url, model, INTERNSHIP, INTERNSHIP_REPLY)
    camera.take("answer")
    page.get_by_role("button", name="+ Sources").click()
    expect(page.locator("#docent-picker label").first).to_be_visible(timeout=20_000)
    camera.take("sources")
    page.keyboard.press("Escape")
    page.locator("a.element-link").first.click()
    panel = page.locator("#side-view-content")
    expect(panel.locator(".source-mark").first).to_be_in_viewport(timeout=20_000)
    page.wait_for_timeout(800)
    image = panel.locator("img")
    until(lambda: image.evaluate("image => image.complete && image.naturalWidth > 0"), within=60)
    camera.take("source")
    page.locator("#docent-source [name=words]").fill("weeks")
    page.keyboard.press("Enter")
    expect(panel.locator(".source-hit").first).to_be_visible(timeout=20_000)
    camera.take("source-search")
    close_panel(page)
    page.locator("button[id^=step-]").last.click()
    expect(page.locator("img[src^='/charts/']").first).to_be_visible()
    camera.take("receipt")


def close_panel(page: Page) -> None:
    page.locator("[data-does=close]").click()
    expect(page.locator("#side-view-content")).to_have_count(0)


def table(camera: Camera, url: str, model: Ollama) -> None:
    page = camera.page
    ask_scripted(page, url, model, MENU, MENU_REPLY)
    camera.take("table")
    page.locator("a.element-link").last.click()
    expect(page.locator("#side-view-content")).to_contain_text("p. ", timeout=20_000)
    page.wait_for_timeout(1500)
    camera.take("table-source")


def research(camera: Camera, url: str) -> None:
    """Take a table over many documents, and the page behind one of its cells."""
    page = camera.page
    open_chat(page, url)
    again(page, RESEARCH)
    expect(page.locator(".table-part")).to_have_attribute("data-phase", "done", timeout=60_000)
    page.locator(".docent-table").scroll_into_view_if_needed()
    camera.take("research")
    page.get_by_role("button", name=re.compile("21,400")).click()
    expect(page.locator(".source-mark").first).to_be_in_viewport(timeout=20_000)
    image = page.locator("#side-view-content img")
    until(lambda: image.evaluate("image => image.complete && image.naturalWidth > 0"), within=60)
    camera.take("research-source")
    close_panel(page)


def other_outcomes(camera: Camera, url: str, model: Ollama) -> None:
    """Take other outcomes: nothing found, a failed model, a stopped answer, many citations."""
    page = camera.page
    open_chat(page, url)
    again(page, UNKNOWN)
    wait_for_answer(page)
    camera.take("not-found")
    open_chat(page, url)
    model.script(refuse="memory", sticky=True)
    again(page, INTERNSHIP)
    wait_for_answer(page)
    camera.take("error")
    model.reset()
    open_chat(page, url)
    model.script(reply=" ".join(f"Berth {n} is free." for n in range(400)), seconds_per_token=0.05)
    again(page, INTERNSHIP)
    expect(answers(page).last).to_contain_text("Berth 1 is free.", timeout=60_000)
    camera.take("streaming")
    page.click("#stop-button")
    expect(page.locator("#stop-button")).to_have_count(0, timeout=20_000)
    camera.take("stopped")
    open_chat(page, url)
    model.script(LONG_REPLY)
    again(page, "What does each internship pay a month, in which city is it, and when does it start?")
    wait_for_answer(page)
    camera.take("many")


def upload(camera: Camera, url: str, model: Ollama, files: list[Path]) -> None:
    page = camera.page
    open_chat(page, url)
    page.set_input_files("#upload-button-input", files)
    page.wait_for_timeout(500)
    expect(page.locator("#chat-submit")).to_be_enabled(timeout=20_000)
    camera.take("attached")
    model.script("The notice period for the flat in Mill Street is three months, in writing [1].")
    again(page, LEASE_QUESTION)
    expect(page.get_by_text(re.compile(r"\d+/3000")).first).to_be_visible(timeout=60_000)
    ready = camera.localized("is ready", "est prêt")
    expect(page.locator(".ai-message", has_text=ready).first).to_be_visible(timeout=60_000)
    camera.take("upload")
    page.get_by_role("button", name=camera.localized("Cancel", "Annuler")).first.click()
    page.locator("a.element-link").first.wait_for(timeout=60_000)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=60_000)
    camera.take("upload-answered")
    page.get_by_role("button", name=camera.localized("Share", "Partager")).first.click()
    camera.take("upload-share")


def documents(camera: Camera, url: str) -> None:
    page = camera.page
    open_chat(page, url)
    page.goto(f"{url}/documents")
    camera.take("documents")
    page.goto(f"{url}/documents?search=tidelight")
    page.locator("tbody a").first.click()
    camera.take("document")
    page.goto(f"{url}/documents?search=tidelight")
    page.get_by_role("link", name=camera.localized("Look inside", "Voir")).first.click()
    sheet = page.locator("img.sheet")
    until(lambda: sheet.evaluate("image => image.complete && image.naturalWidth > 0"), within=60)
    camera.take("look-inside")
    page.goto(f"{url}/documents?search=lease")
    page.locator("tbody a").first.click()
    page.locator("summary").first.click()
    camera.take("document-own")
    page.get_by_role("button", name=camera.localized("Delete for good", "Supprimer définitivement")).click()
    camera.take("deleted")
    page.goto(f"{url}/documents?search=nothing-like-that")
    camera.take("documents-none")


def history(camera: Camera, url: str) -> None:
    page = camera.page
    open_chat(page, url)
    if camera.look.width < 768:
        page.click("#sidebar-trigger-button")
    page.wait_for_timeout(800)
    camera.take("history")
    page.locator('a[href^="/thread/"]').locator("visible=true").first.hover()
    page.locator("#thread-options").locator("visible=true").first.click()
    camera.take("history-menu")
    open_chat(page, url)
    if camera.look.width < 768:
        page.click("#sidebar-trigger-button")
    page.locator("#search-chats-button").locator("visible=true").click()
    page.keyboard.type("nuts")
    page.wait_for_timeout(1500)
    camera.take("search")
    page.keyboard.press("Escape")


def login(camera: Camera, url: str) -> None:
    page = camera.page
    page.goto(url)
    page.locator("[name=email]").fill("ada")
    camera.take("login")
    page.locator("[name=password]").fill("not her password")
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)
    camera.take("login-refused")


def sharing(camera: Camera, url: str, model: Ollama) -> None:
    """Take the page that makes a link to a conversation, and what its readers see."""
    page = camera.page
    ask_scripted(page, url, model, INTERNSHIP, INTERNSHIP_REPLY)
    threads = page.request.post(f"{url}/project/threads", data={"pagination": {"first": 1}, "filter": {}})
    page.goto(f"{url}/link/{threads.json()['data'][0]['id']}")
    page.locator("button[value=make]").click()
    camera.take("share")
    page.locator("[role=status] a").click()
    page.locator("summary").first.click()
    expect(page.locator("img.sheet").first).to_have_js_property("complete", True)
    camera.take("shared")


def administration(camera: Camera, url: str, model: Ollama) -> None:
    """Log in, rate an answer, and take the administrators' page and that of a person."""
    page = camera.page
    assert page.request.post(f"{url}/login", form={"username": "root", "password": PASSWORD}).ok
    ask_scripted(page, url, model, INTERNSHIP, INTERNSHIP_REPLY)
    page.get_by_role("button", name=camera.localized("Helpful", "Utile"), exact=True).first.click()
    page.locator("textarea").last.fill("The page that it opens is the right one.")
    send = camera.localized("Submit feedback", "Envoyer le commentaire")
    page.get_by_role("button", name=send).click()
    expect(page.get_by_role("button", name=send)).to_have_count(0, timeout=20_000)
    page.goto(f"{url}/admin")
    save = page.locator("form[action='/admin/golden'] button")
    if save.count():
        save.first.click()
    page.locator("form[action='/admin/evaluate'] button").click()
    page.goto(f"{url}/admin")
    page.screenshot(path=camera.path("admin-whole"), full_page=True)
    camera.take("admin")
    page.goto(f"{url}/admin/users/ada")
    page.locator("summary").click()
    camera.take("person")


def ingest_samples(storage: Path) -> None:
    environ = {**os.environ, "DOCENT_STORAGE": str(storage)}
    subprocess.run([sys.executable, "ingest.py"], cwd=ROOT, env=environ, check=True, capture_output=True)


def take_all(looks: list[Look], work: Path, folder: Path) -> None:
    storage = work / "one" / "storage"
    ingest_samples(storage)
    (work / "three").mkdir()
    with_users = shutil.copytree(storage, work / "two" / "storage")
    for name, role in (("ada", "member"), ("root", "admin")):
        Users(with_users, cost=4).add(name, role=role, password=PASSWORD)
    model = start_process()
    settings = {"DOCENT_MODEL_URL": model.url, "DOCENT_SHARE_LINKS": "on"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            with running_app(storage, **settings) as url:
                for n, look in enumerate(looks):
                    with open_camera(browser, look, folder) as camera:
                        if n == 0:
                            for question, reply in EARLIER_TURNS:
                                ask_scripted(camera.page, url, model, question, reply)
                        start(camera, url)
                        answer(camera, url, model)
                        table(camera, url, model)
                        model.reset()
                        research(camera, url)
                        upload(camera, url, model, sample_uploads(work / "uploads"))
                        documents(camera, url)
                        history(camera, url)
                        other_outcomes(camera, url, model)
                        sharing(camera, url, model)
            with running_app(with_users, DOCENT_LOGIN="on", **settings) as url:
                for look in looks:
                    with open_camera(browser, look, folder) as camera:
                        login(camera, url)
                    with open_camera(browser, look, folder) as camera:
                        administration(camera, url, model)
            with running_app(work / "three" / "storage", DOCENT_MODEL="gemma3", **settings) as url:
                for look in looks:
                    with open_camera(browser, look, folder) as camera:
                        first_run(camera, url)
        finally:
            browser.close()
            model.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--look", choices=LOOKS, action="append", help="take only this look; may be repeated")
    parser.add_argument("--into", type=Path, help="keep every screenshot in this folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = args.into or Path(work) / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        take_all([LOOKS[name] for name in args.look or LOOKS], Path(work), folder)


if __name__ == "__main__":
    main()
