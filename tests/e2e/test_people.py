"""With a login, each user reaches their own conversations and files only, by any route."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import APIRequestContext, APIResponse, Browser, Page, WebSocket, expect

from docent import Scope, Settings
from docent.app import open_docent
from docent.learning.trials import known_pairs
from docent.web.accounts.login import FREE_TRIES
from docent.web.accounts.users import Users
from docent.web.chat.cited_sources import LINK_TARGETS
from tests.e2e.conftest import again, connected, picture, running_app
from tests.e2e.test_chat import QUESTION, opens
from tests.e2e.test_looks import violations

pytestmark = pytest.mark.browser

PASSWORD = "a long password"
ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "00000000-0000-4000-8000-000000000000"


@dataclass
class Ann:
    """The ids of everything that Ann has after one question."""

    thread: str
    step: str
    element: str
    source: str
    feedback: str
    rated: str
    cookie: str


@pytest.fixture(scope="module")
def own(storage, tmp_path_factory) -> Path:
    return shutil.copytree(storage, tmp_path_factory.mktemp("people") / "storage")


@pytest.fixture(scope="module")
def users(own: Path) -> Users:
    users = Users(own, cost=4)
    for name in ("ann", "ben", "cat", "fay"):
        users.add(name, role="member", password=PASSWORD)
    for name in ("root", "eve"):
        users.add(name, role="admin", password=PASSWORD)
    return users


@pytest.fixture(scope="module")
def app(own: Path, users: Users, ollama_process):
    ollama_process.reset()
    with running_app(own, DOCENT_MODEL_URL=ollama_process.url, DOCENT_LOGIN="on") as url:
        yield url


@pytest.fixture(scope="module")
def ann(app: str, browser: Browser) -> Ann:
    """Log in as Ann, ask a question, and rate the answer."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
    page = context.new_page()
    page.goto(app)
    page.locator("#email, [name=email]").fill("ann")
    page.locator("#password, [name=password]").fill(PASSWORD)
    picture(page, "login")
    with page.expect_websocket():
        page.keyboard.press("Enter")
    connected(page)
    again(page, QUESTION)
    page.locator("a.element-link").first.click(timeout=60_000)
    href = page.get_by_role("link", name="Open the original").get_attribute("href")
    page.get_by_role("button", name="Helpful", exact=True).click()
    page.locator("textarea").last.fill("Just right.")
    page.get_by_role("button", name="Submit feedback").click()
    page.wait_for_timeout(1000)
    threads = page.request.post(f"{app}/project/threads", data={"pagination": {"first": 9}, "filter": {}})
    thread = page.request.get(f"{app}/project/thread/{threads.json()['data'][0]['id']}").json()
    answer = next(step for step in thread["steps"] if step["type"] == "assistant_message")
    feedback = next(step["feedback"] for step in thread["steps"] if step["feedback"])
    assert (feedback["value"], feedback["comment"]) == (1, "Just right.")
    cookie = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in context.cookies())
    yield Ann(
        thread["id"],
        answer["id"],
        thread["elements"][0]["id"],
        urlparse(href).path,
        feedback["id"],
        feedback["forId"],
        cookie,
    )
    assert page.request.get(f"{app}/export/{thread['id']}").ok, "another user deleted it"
    thread_after = page.request.get(f"{app}/project/thread/{thread['id']}").json()
    assert thread_after["name"] == QUESTION
    assert [step["feedback"] for step in thread_after["steps"] if step["feedback"]] == [feedback]
    context.close()


@pytest.fixture(scope="module")
def ben(app: str, browser: Browser) -> APIRequestContext:
    context = browser.new_context()
    assert context.request.post(f"{app}/login", form={"username": "ben", "password": PASSWORD}).ok
    yield context.request
    context.close()


def test_a_thumb_in_the_chat_is_learned_from(ann, own):
    """The liked answer is a pair for `docent learn`, and an example of hers alone for `docent export`."""
    with open_docent(Settings(storage=own)) as docent:
        [pair] = [pair for pair in known_pairs(docent, "") if pair.question.question == QUESTION]
        [document] = pair.documents
        cited = docent.store.document(document, Scope(reader="ann"))
    assert (pair.origin, pair.question.file, pair.question.library) == ("thumb", cited.name, cited.library)
    exported, options = {}, ("--liked", "--format", "unsloth")
    for name in ("ann", "ben"):
        exported[name] = subprocess.run(
            [sys.executable, "-m", "docent", "export", "answers", "--user", name, *options],
            cwd=ROOT, env={**os.environ, "DOCENT_STORAGE": str(own)}, capture_output=True, text=True,
        )  # fmt: skip
    [line] = exported["ann"].stdout.splitlines()
    texts = [turn["value"] for turn in json.loads(line)["conversations"]]
    assert f"Question: {QUESTION}" in texts[1]
    assert cited.name in texts[1]
    assert exported["ben"].stdout == "", exported["ben"].stderr


def attempts(ann: Ann) -> list[tuple[str, str, dict | None]]:
    """Return every request for something of Ann's."""
    rating = {"feedback": {"forId": ann.rated, "value": 0}, "sessionId": NOWHERE}
    return [
        ("GET", f"/project/thread/{ann.thread}", None),
        ("GET", f"/project/thread/{ann.thread}/element/{ann.element}", None),
        ("GET", f"/project/share/{ann.thread}", None),
        ("PUT", "/project/thread", {"threadId": ann.thread, "name": "mine"}),
        ("PUT", "/project/thread/share", {"threadId": ann.thread, "isShared": True}),
        ("DELETE", "/project/thread", {"threadId": ann.thread}),
        ("DELETE", "/project/thread", {"threadId": ann.thread, "files": True}),
        ("GET", f"/project/thread/{ann.thread}/files", None),
        ("PUT", "/project/element", {"element": {"id": ann.element}, "sessionId": NOWHERE}),
        ("DELETE", "/project/element", {"element": {"id": ann.element}, "sessionId": NOWHERE}),
        ("PUT", "/feedback", rating),
        ("DELETE", "/feedback", {"feedbackId": ann.feedback}),
        ("GET", f"/cited/{ann.step}/1", None),
        ("GET", f"/cited/{ann.step}/1/pages/1", None),
        ("GET", f"/cited/{ann.step}/1/search?words=the", None),
        ("GET", f"/export/{ann.thread}", None),
        *(("GET", ann.source.replace("/original/", f"/{target}/"), None) for target in LINK_TARGETS),
        ("GET", f"/project/file/{NOWHERE}?session_id={NOWHERE}", None),
    ]


def refused(response: APIResponse) -> bool:
    """Tell whether a request was refused, or answered with the page that any unknown address shows."""
    page = response.status == 200 and response.headers["content-type"].startswith("text/html")
    return page or response.status in (401, 403, 404, 405)


def test_another_user_is_refused(app, ann, ben):
    """Conversation, element, rating, source and export are refused, by every route."""
    for method, path, data in attempts(ann):
        response = ben.fetch(app + path, method=method, data=data)
        assert refused(response), (method, path, response.status)
        assert "Tidelight" not in response.text(), path
    listed = ben.post(f"{app}/project/threads", data={"pagination": {"first": 9}, "filter": {}})
    assert listed.json()["data"] == []


def test_a_visitor_without_a_login_is_refused(app, ann, browser):
    """The same requests are refused without a session."""
    context = browser.new_context()
    for method, path, data in attempts(ann):
        response = context.request.fetch(app + path, method=method, data=data)
        assert refused(response), (method, path, response.status)
        assert "Tidelight" not in response.text(), path
    context.close()


LISTED = """
import chainlit.server, json
from docent.web import server
def walk(routes):
    for route in routes:
        if (included := getattr(route, "original_router", None)) is not None:
            yield from walk(included.routes)
        else:
            yield route.path, sorted(getattr(route, "methods", None) or [])
server.prepare()
print(json.dumps(list(walk(chainlit.server.app.router.routes))))
"""
FOR_EVERYBODY = re.compile(
    r"/|/health|/favicon|/logo|/login|/logout|/auth/.*|/avatars/.*|/public/.*|/assets/.*|/project/translations"
    r"|/ws/socket.io|/charts/context.svg|/shared/.*|/\{full_path:path\}"
)
"""Routes that need no login: the empty page and its parts, logging in and out, a picture of given numbers,
and links that their author shares. The socket is tried below.
"""


def every_request(folder: Path, document: str) -> list[tuple[str, str]]:
    """Return a request for each route that needs a login, about a document of the user's own."""
    environ = {**os.environ, "DOCENT_STORAGE": str(folder), "PYTHONPATH": str(ROOT)}
    listed = subprocess.run(
        [sys.executable, "-c", LISTED], cwd=folder, env=environ, capture_output=True, text=True, check=True
    ).stdout
    values = {"id": document, "document": document, "n": "1", "page": "1"}
    return [
        (method, re.sub(r"\{(\w+)[^}]*\}", lambda found: values.get(found[1], NOWHERE), path))
        for path, methods in json.loads(listed)
        if not FOR_EVERYBODY.fullmatch(path)
        for method in methods
        if method != "HEAD"
    ]


def test_the_session_of_a_removed_user_opens_nothing(app, users, browser, tmp_path):
    """Each route that needs a login refuses the cookie of a user who was removed, as it refuses none at all;
    while the user was there, it opened their own document and, as an administrator's, the page for these."""
    users.add("dan", role="admin", password=PASSWORD)
    context = browser.new_context(extra_http_headers={"Sec-Fetch-Site": "same-origin"})
    dan = context.request
    assert dan.post(f"{app}/login", form={"username": "dan", "password": PASSWORD}).ok
    letter = {"name": "dans-letter.txt", "mimeType": "text/plain", "buffer": b"The heron stands by the weir."}
    sent = dan.post(
        f"{app}/documents/upload", multipart={"file": letter}, headers={"Accept": "application/json"}
    )
    document = sent.json()["id"]
    requests = every_request(tmp_path, document)
    opened = [
        path for method, path in requests if method == "GET" and dan.get(app + path, max_redirects=0).ok
    ]
    assert {"/documents", f"/documents/{document}", f"/documents/{document}/file", "/admin", "/user"} <= set(
        opened
    )
    cookie = "; ".join(f"{each['name']}={each['value']}" for each in context.cookies())
    auth = {"sessionId": "6f1c1c1e-0c5c-4a1e-9a3e-3a53e2a6c099", "threadId": ""}
    users.remove("dan")
    visitor = browser.new_context(extra_http_headers={"Sec-Fetch-Site": "same-origin"}).request
    for method, path in requests:
        for client in (dan, visitor):
            answer = client.fetch(app + path, method=method, form={}, max_redirects=0)
            to_the_login = answer.status == 303 and answer.headers["location"] == "/"
            assert answer.status == 401 or to_the_login, (method, path, answer.status)
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(asyncio.run, opens(app, {"Origin": app, "Cookie": cookie}, auth))
        assert opening.result() is False
    context.close()


@pytest.mark.parametrize(
    ("user", "opened"),
    [
        pytest.param("ann", True, id="its owner"),
        pytest.param("ben", False, id="another user"),
        pytest.param("", False, id="no login"),
    ],
)
def test_a_conversation_is_resumed_by_its_owner_only(app, ann, ben, user, opened):
    """A socket that names a conversation opens for its owner."""
    cookies = {"ann": ann.cookie, "": ""}
    if user == "ben":
        state = ben.storage_state()["cookies"]
        cookies["ben"] = "; ".join(f"{c['name']}={c['value']}" for c in state)
    session = "6f1c1c1e-0c5c-4a1e-9a3e-3a53e2a6c00" + str(len(user))
    headers = {"Origin": app, "Cookie": cookies[user]}
    auth = {"sessionId": session, "threadId": ann.thread}
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, opens(app, headers, auth)).result() is opened


def test_a_wrong_password_is_refused_in_a_sentence(app, page: Page):
    """The page says what to check."""
    page.goto(app)
    page.locator("#email, [name=email]").fill("ann")
    page.locator("#password, [name=password]").fill("not her password")
    page.keyboard.press("Enter")
    alert = page.locator("form [role=alert]:visible")
    expect(alert).to_have_text("That did not work. Check the name and the password.")
    picture(page, "login-refused")


def test_guessed_passwords_are_slowed_and_reported(app, browser, page: Page):
    """Too many attempts have to wait; the owner still logs in, and is warned in the conversation."""
    owner = browser.new_context(locale="en-US")
    assert owner.request.post(f"{app}/login", form={"username": "cat", "password": PASSWORD}).ok
    assert owner.request.post(f"{app}/logout").ok
    page.goto(app)
    page.locator("#email").fill("cat")
    for _ in range(FREE_TRIES + 1):
        page.locator("#password").fill("a guess")
        with page.expect_response("**/login"):
            page.keyboard.press("Enter")
        expect(page.locator("#password")).to_be_enabled()
        page.locator("#password").focus()
    alert = page.locator("form [role=alert]:visible")
    expect(alert).to_have_count(1)
    expect(alert).to_contain_text(re.compile(r"too many attempts to log in as this user\. Wait \d+ s"))
    picture(page, "login-wait")
    assert owner.request.post(f"{app}/login", form={"username": "cat", "password": PASSWORD}).ok
    chat = owner.new_page()
    with chat.expect_websocket():
        chat.goto(app)
    connected(chat)
    expect(chat.locator("#user-nav-button")).to_be_visible()  # where people log in, they can log out
    expect(chat.get_by_text("6 attempts to log in under your name failed")).to_be_visible()
    picture(chat, "login-attempts")
    owner.close()


@pytest.mark.parametrize("too", [pytest.param(False, id="kept"), pytest.param(True, id="deleted")])
def test_deleting_a_conversation_offers_to_delete_its_files(app, browser, tmp_path, too):
    """With a login a file answers in every conversation, so it is deleted only on request."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
    assert context.request.post(f"{app}/login", form={"username": "ben", "password": PASSWORD}).ok
    page = context.new_page()
    with page.expect_websocket():
        page.goto(app)
    connected(page)
    name = f"boat {too}.txt"
    (tmp_path / name).write_text(f"The boat of {too} leaves at nine.")
    page.set_input_files("#upload-button-input", [tmp_path / name])
    page.wait_for_timeout(300)
    expect(page.locator("#chat-submit")).to_be_enabled(timeout=20_000)
    page.click("#chat-submit", no_wait_after=True)
    expect(page.locator(".ai-message", has_text="is ready")).to_be_visible(timeout=60_000)
    page.locator('a[href^="/thread/"]').first.hover()
    page.locator("#thread-options").first.click()
    page.get_by_role("menuitem", name="Delete").click()
    offer = page.get_by_role("checkbox", name=re.compile(f"files sent here.*{name}"))
    expect(offer).not_to_be_checked()
    offer.set_checked(too)
    picture(page, f"delete-conversation-{too}")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("Conversation deleted")).to_be_visible(timeout=20_000)
    left = page.request.get(f"{app}/documents?search={name}").text()
    assert (f">{name}</a>" not in left) is too
    context.close()


@contextmanager
def logged_in(app: str, browser: Browser, name: str) -> Iterator[tuple[Page, WebSocket]]:
    """Open the chat as somebody; yield the page and its socket."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
    assert context.request.post(f"{app}/login", form={"username": name, "password": PASSWORD}).ok
    page = context.new_page()
    with page.expect_websocket() as socket:
        page.goto(app)
    connected(page)
    yield page, socket.value
    context.close()


@pytest.mark.parametrize(
    ("name", "change"),
    [pytest.param("fay", "remove", id="removed"), pytest.param("eve", "role", id="made a member")],
)
def test_a_session_ends_with_a_removal_and_with_a_changed_role(app, browser, name, change):
    """From the next request on, by every route; the page that was open is closed."""
    with logged_in(app, browser, name) as (page, socket), logged_in(app, browser, "root") as (root, _):
        paths = ("/user", "/documents/of-nobody", "/model", "/admin", f"/export/{NOWHERE}")
        before = {path: page.request.get(app + path, max_redirects=0).status for path in paths}
        assert (before["/user"], before["/admin"]) == (200, 200 if name == "eve" else 404)
        changed = root.request.post(
            f"{app}/admin/users/{name}/{change}",
            form={"role": "member"},
            headers={"Origin": app},
            max_redirects=0,
        )
        assert changed.status == 303
        after = {path: page.request.get(app + path, max_redirects=0).status for path in paths}
        assert set(after.values()) <= {303, 401}, after
        headers = {"Origin": app, "Cookie": cookies_of(page)}
        with ThreadPoolExecutor(1) as pool:
            auth = {"sessionId": NOWHERE, "threadId": ""}
            assert pool.submit(asyncio.run, opens(app, headers, auth)).result() is False
        if not socket.is_closed():
            socket.wait_for_event("close")


def cookies_of(page: Page) -> str:
    return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in page.context.cookies())


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1920, "light")])
def test_people_are_managed_with_the_keyboard(app, browser, width, theme):
    """A person's page is accessible; Tab and Enter reach the removal, which asks first."""
    with logged_in(app, browser, "root") as (page, _):
        page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
        page.set_viewport_size({"width": width, "height": 860})
        page.goto(f"{app}/admin")
        page.get_by_role("link", name="cat", exact=True).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="cat")).to_be_visible()
        summary = page.locator("summary", has_text="Remove…")
        for _ in range(12):
            page.keyboard.press("Tab")
            if summary.evaluate("summary => summary === document.activeElement"):
                break
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Remove for good")).to_be_visible()
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        picture(page, f"person-{theme}-{width}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_audit_log_shows_what_somebody_did(app, ann, browser, theme):
    """An administrator searches it by person, on a wide screen and on a phone; axe finds nothing."""
    with logged_in(app, browser, "root") as (page, _):
        page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
        page.goto(f"{app}/admin")
        page.get_by_role("link", name="Search the audit log").click()
        page.get_by_label("Who").fill("ann")
        page.get_by_role("button", name="Search").click()
        rows = page.locator("tbody tr")
        for action in ("asked", "read", "logged in"):
            expect(rows.filter(has_text=action).first).to_be_visible()
        assert set(rows.locator("td:nth-child(2)").all_inner_texts()) == {"ann"}
        assert QUESTION not in page.content()
        picture(page, f"audit-{theme}")
        page.set_viewport_size({"width": 390, "height": 844})
        assert violations(page) == []
        picture(page, f"audit-{theme}-390")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_group_is_given_a_library_with_the_keyboard(app, users, browser, theme):
    """Made, given a member and a library, and removed again; axe finds nothing on a phone."""
    with logged_in(app, browser, "root") as (page, _):
        page.add_init_script(f"localStorage.setItem('vite-ui-theme', '{theme}')")
        page.goto(f"{app}/admin")
        page.get_by_text("New group").press("Enter")
        page.locator("form[action='/admin/groups'] input").fill("students")
        page.keyboard.press("Enter")
        page.get_by_label("Person").select_option("ann")
        page.get_by_role("button", name="Add to the group").press("Enter")
        page.get_by_label("Access to internships", exact=True).select_option("manage")
        page.get_by_role("button", name="Save the access to internships").press("Enter")
        expect(page.get_by_label("Access to internships", exact=True)).to_have_value("manage")
        expect(page.get_by_role("cell", name="ann", exact=True)).to_be_visible()
        picture(page, f"group-{theme}")
        page.set_viewport_size({"width": 390, "height": 844})
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        picture(page, f"group-{theme}-390")
        page.get_by_text("Remove the group…").press("Enter")
        page.get_by_role("button", name="Remove the group", exact=True).press("Enter")
        page.get_by_text("Closed libraries: 1").press("Enter")
        page.get_by_role("button", name="Open internships to everybody").press("Enter")
        expect(page.get_by_role("status")).to_contain_text("open to everybody")
        assert violations(page) == []
