"""The administrators' page: ratings become test questions, evaluations are kept, nobody else sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from chainlit.types import Feedback
from chainlit.user import User
from starlette.applications import Starlette

from docent.app import Docent, open_docent
from docent.errors import InputError
from docent.evaluating import Question
from docent.settings import Settings
from docent.types import ANSWERING, Answer, Citation, Receipt, Scope
from docent.web.accounts import login
from docent.web.accounts.login import Authenticator
from docent.web.accounts.users import Users
from docent.web.admin import admin_routes, group_routes, people_routes
from docent.web.chat.history import History
from docent.web.chat.saved_answer import answer_metadata
from docent.web.documents import page_access
from docent.web.monitoring import Metrics

OURS = {"sec-fetch-site": "same-origin"}
QUESTION = "When does the ferry leave?"
SECRET = "The safe opens with 4711."


@pytest.fixture
def docent(tmp_path: Path) -> Iterator[Docent]:
    (tmp_path / "data" / "harbour").mkdir(parents=True)
    (tmp_path / "data" / "harbour" / "ferry.md").write_text("# Ferry\n\nThe ferry leaves at nine.\n")
    settings = Settings(storage=tmp_path / "storage", data=tmp_path / "data", model_url="http://127.0.0.1:9")
    with open_docent(settings) as docent:
        docent.ingest([settings.data], retry_failed=False, password=None, on_progress=lambda _: None)
        yield docent


@pytest.fixture
async def history(tmp_path: Path):
    opened = History(tmp_path)
    yield opened
    await opened.close()


@pytest.fixture
def client(docent: Docent, history: History, monkeypatch: pytest.MonkeyPatch):
    """Send requests as the user that is named."""

    async def reader(request) -> str | None:
        return request.headers.get("x-reader")

    monkeypatch.setattr(page_access, "reader_of", reader)
    monkeypatch.setattr(login, "ws_sessions_sid", {})  # no pages of other tests
    users = Users(docent.settings.storage, cost=4)
    for name, role in (("root", "admin"), ("ben", "member")):
        users.add(name, role=role, password="a long password")
    app = Starlette(routes=[*admin_routes.routes(), *people_routes.routes(), *group_routes.routes()])
    app.state.docent, app.state.history, app.state.metrics = docent, history, Metrics()
    settings = docent.settings.model_copy(update={"login": "on"})
    app.state.authenticator = Authenticator(settings, secret=b"", users=users)
    return lambda name, **headers: httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://docent.example",
        headers={**OURS, **({"x-reader": name} if name else {}), **headers},
    )


async def rate(history: History, docent: Docent, *, library: str = "harbour", comment: str = "Right!") -> str:
    """Save an answer of Ben's that cites a page, with his rating; return the id of the answer."""
    (document,) = docent.store.documents(Scope())
    citation = Citation(
        n=1, document_id=document.id, library=library, file=document.name, page=1, page_label="",
        place="line 3",
        start=9, end=34, quote="The ferry leaves at nine.", chunk_id="c",
    )  # fmt: skip
    answer = Answer(f"At nine [1]. {SECRET}", (citation,), (), Receipt(question=QUESTION, searched=QUESTION))
    step = "11111111-1111-4111-8111-111111111111"
    saved = await history.create_user(User(identifier="ben"))
    await history.update_thread("t" * 32, name="Trip", user_id=saved.id)
    await history.execute_sql(
        'INSERT INTO steps ("id", "threadId", "name", "type", "metadata", "createdAt") '
        "VALUES (:id, :thread, '', 'assistant_message', :metadata, '2026-11-30')",
        {"id": step, "thread": "t" * 32, "metadata": answer_metadata(QUESTION, answer)},
    )
    await history.upsert_feedback(Feedback(forId=step, value=1, comment=comment))
    return step


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin"),
        ("POST", "/admin/golden"),
        ("POST", "/admin/evaluate"),
        ("POST", "/admin/questions"),
        ("POST", "/admin/users"),
        ("GET", "/admin/users/ben"),
        ("POST", "/admin/users/ben/role"),
        ("POST", "/admin/users/ben/password"),
        ("POST", "/admin/users/ben/remove"),
        ("POST", "/admin/users/root/role"),
        ("POST", "/admin/users/root/remove"),
        ("POST", "/admin/groups"),
        ("GET", "/admin/groups/crew"),
        ("POST", "/admin/groups/crew/join"),
        ("POST", "/admin/groups/crew/leave"),
        ("POST", "/admin/groups/crew/access"),
        ("POST", "/admin/groups/crew/remove"),
        ("POST", "/admin/libraries/open"),
    ],
)
async def test_only_administrators_reach_it(client, docent, history, method, path):
    """A member finds nothing there, a visitor has to log in, and a form of another site is refused."""
    step = await rate(history, docent)
    form = {"step": step, "name": "eve", "role": "admin", "password": "a long password"}
    data = form if method == "POST" else None
    async with client("ben") as ben:
        response = await ben.request(method, path, data=data)
        assert response.status_code == 404 and QUESTION not in response.text
    async with client("") as nobody:
        assert (await nobody.request(method, path, data=data)).status_code in (303, 401)
    if method == "POST":
        async with client("root", **{"sec-fetch-site": "cross-site"}) as root:
            assert (await root.post(path, data=data)).status_code == 403
    assert docent.golden.all() == [] and docent.past_evaluations.all() == []
    users = Users(docent.settings.storage)
    assert [(one.name, one.role) for one in users.all()] == [("ben", "member"), ("root", "admin")]
    assert users.verify("ben", "a long password")


async def test_a_role_that_was_taken_away_is_gone_at_once(client, docent):
    """The page is open to an administrator, and closed at the next request."""
    async with client("root") as root:
        assert (await root.get("/admin")).status_code == 200
        users = Users(docent.settings.storage, cost=4)
        users.remove("root")
        users.add("root", role="member", password="a long password")
        assert (await root.get("/admin")).status_code == 404


async def test_a_rating_becomes_a_test_question_that_is_asked(client, docent, history):
    """One click saves the question with its page; the next evaluation asks it, and its figures are shown."""
    step = await rate(history, docent, comment="<b>Right!</b>")
    async with client("root") as root:
        page = (await root.get("/admin")).text
        assert QUESTION in page and "&lt;b&gt;Right!&lt;/b&gt;" in page
        assert SECRET not in page  # an answer may quote a private document
        saved = await root.post("/admin/golden", data={"step": step})
        assert saved.headers["location"] == "/admin?done=saved"
        (question,) = docent.golden.all()
        assert (question.question, question.file, question.pages, question.library) == (
            QUESTION, "ferry.md", (1,), "harbour",
        )  # fmt: skip
        assert "<td>saved</td>" in (await root.get("/admin")).text
        await root.post("/admin/evaluate")
        (run,) = docent.past_evaluations.all()
        assert (run.questions, run.page_hit_5.value) == (1, 1.0)
        shown = (await root.get("/admin?done=evaluated")).text
    assert "100 %" in shown and "<rect" in shown and "The test questions were asked" in shown


async def test_scores_of_answers_are_shown(client, docent):
    """An evaluation of answers has its line and its bar, by whom it was answered, and what does not apply."""
    docent.golden.add(Question(QUESTION, "ferry.md", (1,), "harbour", answer="at nine"))
    run = docent.evaluate_answers(use_model=False)
    docent.past_answer_evaluations.add(run)
    docent.past_answer_evaluations.add(docent.evaluate_answers([Question("Who?", "ferry.md", (1,))]))
    async with client("root") as root:
        page = (await root.get("/admin")).text
    assert run.figures["completeness"].value == 1.0
    assert ">Completeness</th>" in page and "100 % (100–100)" in page and "<td>–</td>" in page
    assert 'aria-label="Completeness of the answers, by evaluation"' in page


async def test_a_question_about_a_private_document_is_not_saved(client, docent, history):
    """Test questions are shared by all, so their documents have to be."""
    step = await rate(history, docent, library="~ben/uploads")
    async with client("root") as root:
        response = await root.post("/admin/golden", data={"step": step})
    assert response.status_code == 409 and "everybody may see" in response.text
    assert docent.golden.all() == []


async def test_nothing_to_ask_is_a_sentence(client):
    """Without a test question, and for a rating that is gone, the page says what to do."""
    async with client("root") as root:
        assert "no test questions yet" in (await root.post("/admin/evaluate")).text
        gone = await root.post("/admin/golden", data={"step": "0" * 32})
        assert gone.status_code == 404 and "not there any more" in gone.text


async def test_somebody_is_added_who_can_log_in(client, docent):
    """The account is there at once; a name or password that is refused says why."""
    async with client("root") as root:
        form = {"name": "Cleo", "role": "member", "password": "a long password"}
        assert (await root.post("/admin/users", data=form)).status_code == 303
        short = await root.post("/admin/users", data={**form, "name": "dan", "password": "short"})
        page = (await root.get("/admin")).text
    assert Users(docent.settings.storage).verify("cleo", "a long password")
    assert short.status_code == 409 and "too short" in short.text
    assert ">cleo</a>" in page and "dan" not in page


async def test_a_changed_role_is_there_at_once(client, docent):
    """The new administrator reaches the page, the old role does not; their older logins have ended."""
    users = Users(docent.settings.storage)
    before = users.find("ben").stamp
    async with client("root") as root, client("ben") as ben:
        assert "Make an administrator" in (await root.get("/admin/users/ben")).text
        response = await root.post("/admin/users/ben/role", data={"role": "admin"})
        assert response.headers["location"] == "/admin?done=role"
        assert users.find("ben").stamp != before
        assert (await ben.get("/admin")).status_code == 200
        assert (await root.post("/admin/users/ben/role", data={"role": "member"})).status_code == 303
        assert (await ben.get("/admin")).status_code == 404
        assert (await root.post("/admin/users/ben/role", data={"role": "owner"})).status_code == 409
    assert users.find("ben").role == "member"


async def test_a_new_password_ends_the_old_logins(client, docent):
    """The old password opens nothing; one that is too short is refused."""
    users = Users(docent.settings.storage)
    before = users.find("ben").stamp
    async with client("root") as root:
        short = await root.post("/admin/users/ben/password", data={"password": "short"})
        assert short.status_code == 409 and users.find("ben").stamp == before
        await root.post("/admin/users/ben/password", data={"password": "another password"})
    assert users.verify("ben", "another password") and not users.verify("ben", "a long password")
    assert users.find("ben").stamp != before


async def test_somebody_is_removed_with_what_only_they_had(client, docent, history, tmp_path):
    """Account, conversations and own documents are gone; what is shared stays."""
    await rate(history, docent)
    own = tmp_path / "salary.txt"
    own.write_text("The salary of Ben is 4,000.\n")
    ticket = docent.add_upload(own, name="salary.txt", owner="ben")
    async for _ in docent.follow(ticket):
        if docent.upload_status(ticket).state in ANSWERING:
            break
    async with client("root") as root:
        assert "Remove for good" in (await root.get("/admin/users/ben")).text
        response = await root.post("/admin/users/ben/remove")
        assert response.headers["location"] == "/admin?done=removed"
        gone = await root.get("/admin/users/ben")
    assert gone.status_code == 404 and "Nobody of this name" in gone.text
    assert Users(docent.settings.storage).find("ben") is None
    assert [document.name for document in docent.store.documents(Scope(reader="ben"))] == ["ferry.md"]
    assert (await history.rows("SELECT COUNT(*) AS count FROM threads"))[0]["count"] == 0


async def test_an_administrator_always_remains(client, docent):
    """Nobody changes or removes themselves; of two who remove each other, one stays."""
    users = Users(docent.settings.storage)
    async with client("root") as root:
        for what in ("role", "remove"):
            response = await root.post(f"/admin/users/Root/{what}", data={"role": "member"})
            assert response.status_code == 409 and "This is you" in response.text
    users.set_role("ben", "admin", by="root")
    users.remove("root", by="ben")
    with pytest.raises(InputError, match="no administrator any more"):
        users.remove("ben", by="root")
    assert [(one.name, one.role) for one in users.all()] == [("ben", "admin")]


async def test_the_page_shows_the_health_of_its_parts(client):
    """Documents, what waits, and whether the model answers, in the reader's language, without a script."""
    async with client("root", **{"accept-language": "fr"}) as root:
        response = await root.get("/admin")
    assert "Documents partagés" in response.text and "pas prêt" in response.text
    assert "unsafe" not in response.headers["content-security-policy"]
    assert "<style" not in response.text and " style=" not in response.text


def test_a_damaged_line_is_reported_with_its_file(docent):
    """The figures are not shown as if there were none."""
    path = docent.store.folder / "evaluations.jsonl"
    path.write_text('{"at": "2026"}\n')
    with pytest.raises(Exception, match=r"evaluations\.jsonl is damaged"):
        docent.past_evaluations.all()
    (docent.store.folder / "answer-evaluations.jsonl").write_text('{"at": "2026"}\n')
    with pytest.raises(Exception, match=r"answer-evaluations\.jsonl is damaged"):
        docent.past_answer_evaluations.all()


async def test_questions_are_made_in_the_background(client, docent):
    """One button begins, the page says how far it is, and people's own questions stay apart."""
    async with client("root") as root:
        page = (await root.get("/admin")).text
        assert "Make questions" in page and "harbour (0)" in page
        begun = await root.post("/admin/questions", data={"library": "harbour"})
        assert begun.status_code == 303
        await asyncio.to_thread(docent.question_job.wait, 60)
        page = (await root.get("/admin")).text
        made = len(docent.synthetic.all("harbour"))
        assert f"harbour ({made})" in page and f"harbour: {made}." in page
        assert (await root.post("/admin/questions", data={"do": "stop"})).status_code == 303
        assert (await root.post("/admin/questions", data={"library": "~ada/own"})).status_code == 409
    assert docent.golden.all() == []


# --- groups ----------------------------------------------------------------------------------


async def test_groups_are_managed_in_the_page(client, docent):
    """A group is made, gets a member and a library, which closes it; it is removed and the library opened."""
    groups = docent.store.groups
    async with client("root") as root:
        made = await root.post("/admin/groups", data={"name": "Crew & Co"})
        page = made.headers["location"]
        assert page == "/admin/groups/Crew%20%26%20Co"
        assert (await root.post(f"{page}/join", data={"member": "ben"})).status_code == 303
        assert (
            await root.post(f"{page}/access", data={"library": "harbour", "level": "write"})
        ).status_code == 303
        shown = await root.get(page)
        assert "ben" in shown.text
        assert '<option value="write" selected>' in shown.text
        assert docent.store.libraries("eve") == []
        assert docent.store.libraries("ben") == ["harbour"]
        await root.post(f"{page}/access", data={"library": "harbour", "level": ""})
        assert docent.store.libraries("ben") == []
        await root.post(f"{page}/leave", data={"member": "ben"})
        assert groups.find("Crew & Co").members == ()
        assert (await root.post(f"{page}/remove")).status_code == 303
        listed = await root.get("/admin")
        assert "Open harbour to everybody" in listed.text
        assert (await root.post("/admin/libraries/open", data={"library": "harbour"})).status_code == 303
    assert docent.store.libraries("") == ["harbour"]
    assert groups.all() == []


@pytest.mark.parametrize(
    ("path", "form"),
    [
        pytest.param("/admin/groups", {"name": "/"}, id="no name"),
        pytest.param("/admin/groups/crew/join", {"member": "nobody"}, id="no such user"),
        pytest.param("/admin/groups/none/join", {"member": "ben"}, id="no such group"),
        pytest.param("/admin/groups/crew/access", {"library": "harbour", "level": "own"}, id="no such level"),
        pytest.param("/admin/groups/crew/access", {"library": "x", "level": "read"}, id="no such library"),
        pytest.param("/admin/libraries/open", {"library": "x"}, id="no such library to open"),
    ],
)
async def test_groups_refuse_what_is_not_there(client, docent, path, form):
    """A sentence says it, and nothing is closed or opened."""
    docent.store.groups.add("crew")
    async with client("root") as root:
        refused = await root.post(path, data=form)
    assert refused.status_code in (404, 409)
    assert "<h1>" in refused.text
    assert docent.store.groups.restricted() == []
    assert docent.store.groups.find("crew").members == ()
