"""People log in through an identity provider, whose groups decide what they see."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import Browser, Page, expect

from docent.app import open_docent
from docent.settings import Settings
from docent.web.accounts.users import Users
from docent.web.audit.audit_log import AuditLog, AuditQuery
from tests.e2e.conftest import picture, running_app
from tests.fakes.identity_provider import IdentityProvider, identity_provider

pytestmark = pytest.mark.browser

CLOSED = "internships"


@pytest.fixture(scope="module")
def provider():
    with identity_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def app(storage, tmp_path_factory, provider, ollama_process):
    own = shutil.copytree(storage, tmp_path_factory.mktemp("provider") / "storage")
    users = Users(own, cost=4)
    for name in ("ann@example.org", "ben@example.org"):
        users.add(name, role="member", password=None)
    with open_docent(Settings(storage=own)) as docent:
        docent.store.groups.add("students")
        docent.store.groups.grant("students", CLOSED, "read")
    settings = {
        "DOCENT_MODEL_URL": ollama_process.url,
        "DOCENT_LOGIN": "on",
        "DOCENT_GROUPS_CLAIM": "groups",
        **provider.environ(),
    }
    with running_app(own, **settings) as url:
        yield url
    audit = AuditLog(own, days=1)
    logins = {(entry.actor, entry.action) for entry in audit.each(AuditQuery()) if "login" in entry.action}
    assert logins == {
        ("ann@example.org", "login"),
        ("ben@example.org", "login"),
        ("eve@example.org", "login_refused"),
    }


def log_in(browser: Browser, app: str, provider: IdentityProvider, person: dict) -> Page:
    provider.person = person
    page = browser.new_context(locale="en-US").new_page()
    page.goto(app)
    page.get_by_role("button", name="Continue with").click()
    return page


def test_the_providers_groups_decide_what_is_seen(browser, app, provider):
    """A member of the group sees the closed library, somebody else does not; a stranger is not let in."""
    for name, groups, seen in (("ann", ["students", "all"], True), ("ben", ["all"], False)):
        page = log_in(browser, app, provider, {"email": f"{name}@example.org", "groups": groups})
        expect(page.locator("#chat-input")).to_be_visible(timeout=30_000)
        page.goto(f"{app}/documents")
        expect(page.get_by_role("link", name="Every library")).to_be_visible()
        assert page.get_by_role("link", name=CLOSED).count() == int(seen)
        picture(page, f"provider-{name}")
        page.context.close()
    page = log_in(browser, app, provider, {"email": "eve@example.org", "groups": ["students"]})
    page.wait_for_url("**/login?error=**")
    page.context.close()
