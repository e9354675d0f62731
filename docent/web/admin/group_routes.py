"""Routes of the administrators' page for groups: their members, and what they may do in shared libraries."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from docent.app import Docent
from docent.errors import InputError
from docent.messages import Message
from docent.store import Group, Groups
from docent.web.accounts.users import as_name
from docent.web.admin.admin_routes import administrators_only, back_to_page
from docent.web.chat.page_session import language_of
from docent.web.documents.page_access import HEADERS, checked, form_fields, html
from docent.web.i18n import say
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool

LEVELS = {
    "": Message("nothing"),
    "read": Message("read"),
    "write": Message("read and add documents"),
    "manage": Message("manage"),
}


def routes() -> list[Route]:
    group = "/admin/groups/{name}"
    return [
        Route("/admin/groups", checked(administrators_only(add)), methods=["POST"]),
        Route("/admin/libraries/open", checked(administrators_only(open_to_all)), methods=["POST"]),
        Route(group, checked(administrators_only(show))),
        Route(f"{group}/join", checked(administrators_only(join)), methods=["POST"]),
        Route(f"{group}/leave", checked(administrators_only(leave)), methods=["POST"]),
        Route(f"{group}/access", checked(administrators_only(change_access)), methods=["POST"]),
        Route(f"{group}/remove", checked(administrators_only(remove)), methods=["POST"]),
    ]


async def add(request: Request, reader: str) -> Response:
    (name,) = await form_fields(request, "name")
    name = await run_in_small_pool(_groups(request).add, name)
    request.state.about = f"add group {name}"
    return _to(name)


async def show(request: Request, reader: str) -> Response:
    """Show a group's members and libraries, and what can be changed of them."""
    return html(await run_in_small_pool(_group_page, request))


def _group_page(request: Request) -> str:
    state, language = request.app.state, language_of(request)
    group = _group(request)
    everybody = [account.name for account in state.authenticator.users.all()]
    shared = state.docent.store.organiser.libraries(None)
    return render(
        "admin_group.html",
        language,
        group=group,
        address=_address(group.name),
        others=[name for name in everybody if name not in group.members],
        libraries=shared,
        restricted=_groups(request).restricted(),
        levels=[(level, say(label, language)) for level, label in LEVELS.items()],
    )


async def join(request: Request, reader: str) -> Response:
    group, (member,) = await run_in_small_pool(_group, request), await form_fields(request, "member")
    if request.app.state.authenticator.users.find(member) is None:
        raise InputError("There is no user {name!r}. Go back and load the page again.", name=member)
    await run_in_small_pool(_groups(request).join, group.name, as_name(member))
    request.state.about = f"{as_name(member)} joins {group.name}"
    return _to(group.name)


async def leave(request: Request, reader: str) -> Response:
    group, (member,) = await run_in_small_pool(_group, request), await form_fields(request, "member")
    await run_in_small_pool(_groups(request).leave, group.name, member)
    request.state.about = f"{member} leaves {group.name}"
    return _to(group.name)


async def change_access(request: Request, reader: str) -> Response:
    """Give a group access to a library, or take it away."""
    group = await run_in_small_pool(_group, request)
    library, level = await form_fields(request, "library", "level")
    if level:
        await run_in_small_pool(_groups(request).grant, group.name, library, level)
    elif library in group.access:
        await run_in_small_pool(_groups(request).revoke, group.name, library)
    request.state.about = f"{group.name}: {level or 'no access'} in {library}"
    return _to(group.name)


async def open_to_all(request: Request, reader: str) -> Response:
    """Let everybody read a library that was closed but for groups."""
    (library,) = await form_fields(request, "library")
    await run_in_small_pool(_groups(request).open_to_all, library)
    request.state.about = f"open {library} to everybody"
    return back_to_page("opened")


async def remove(request: Request, reader: str) -> Response:
    group = await run_in_small_pool(_group, request)
    await run_in_small_pool(_groups(request).remove, group.name)
    request.state.about = f"remove group {group.name}"
    return back_to_page("group_removed")


def _groups(request: Request) -> Groups:
    if not request.app.state.authenticator.required:
        raise InputError("Nobody logs in here. Switch it on with DOCENT_LOGIN=on and start Docent again.")
    docent: Docent = request.app.state.docent
    return docent.store.groups


def _group(request: Request) -> Group:
    return _groups(request).find(request.path_params["name"])


def _address(name: str) -> str:
    return f"/admin/groups/{quote(name, safe='')}"


def _to(name: str) -> Response:
    return RedirectResponse(_address(name), 303, headers=HEADERS)
