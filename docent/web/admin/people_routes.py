"""Routes of the administrators' page for people: add somebody, change a role or password, remove somebody."""

from __future__ import annotations

import asyncio
from functools import partial
from urllib.parse import quote

import chainlit.server
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from docent.app import Docent
from docent.errors import InputError, StoreError, UnknownDocument
from docent.web.accounts.login import disconnect_logged_out
from docent.web.accounts.users import Account, Users, as_name
from docent.web.admin.admin_routes import administrators_only, back_to_page
from docent.web.audit.audit_log import AuditLog
from docent.web.chat.history import History
from docent.web.chat.page_session import language_of
from docent.web.documents.page_access import checked, form_fields, html
from docent.web.templates import render
from docent.web.thread_pool import run_in_small_pool


def routes() -> list[Route]:
    person = "/admin/users/{name}"
    return [
        Route("/admin/users", checked(administrators_only(add)), methods=["POST"]),
        Route(person, checked(administrators_only(show))),
        Route(f"{person}/role", checked(administrators_only(change_role)), methods=["POST"]),
        Route(f"{person}/password", checked(administrators_only(change_password)), methods=["POST"]),
        Route(f"{person}/remove", checked(administrators_only(remove)), methods=["POST"]),
    ]


async def add(request: Request, reader: str) -> Response:
    """Add somebody who may log in."""
    name, role, password = await form_fields(request, "name", "role", "password")
    await asyncio.to_thread(partial(_users(request).add, name, role=role, password=password))
    request.state.about = f"add {as_name(name)} ({role})"
    return back_to_page("added")


async def show(request: Request, reader: str) -> Response:
    """Show what can be changed of one person."""
    account = await run_in_small_pool(_account, request)
    return html(
        render(
            "admin_person.html",
            language_of(request),
            account=account,
            address=f"/admin/users/{quote(account.name)}",
            own=account.name == as_name(reader),
        )
    )


async def change_role(request: Request, reader: str) -> Response:
    account, (role,) = _other(request, reader), await form_fields(request, "role")
    await run_in_small_pool(partial(_users(request).set_role, account.name, role, by=reader))
    request.state.about = f"role of {account.name}: {role}"
    await _end_sessions(request)
    return back_to_page("role")


async def change_password(request: Request, reader: str) -> Response:
    account, (password,) = _account(request), await form_fields(request, "password")
    await asyncio.to_thread(_users(request).set_password, account.name, password)
    request.state.about = f"password of {account.name}"
    await _end_sessions(request)
    return back_to_page("password")


async def remove(request: Request, reader: str) -> Response:
    """Remove somebody at once, then everything that only they had."""
    account = _other(request, reader)
    await run_in_small_pool(partial(_users(request).remove, account.name, by=reader))
    await _end_sessions(request)
    history: History = request.app.state.history
    docent: Docent = request.app.state.docent
    audit: AuditLog = request.app.state.metrics.audit
    try:
        await history.delete_user(account.name)
        await asyncio.to_thread(docent.forget_owner, account.name)
        request.state.about = f"remove {await run_in_small_pool(audit.forget, account.name)}"
    except StoreError as error:
        raise StoreError(
            "{name} can no longer log in, but what they had is not all deleted. {why} Then run: "
            "python -m docent user remove {name}",
            name=account.name,
            why=error.message,
        ) from error
    return back_to_page("removed")


async def _end_sessions(request: Request) -> None:
    """Close the open pages of people whose login has ended, instead of within five seconds."""
    await disconnect_logged_out(chainlit.server.sio, request.app.state.authenticator)


def _users(request: Request) -> Users:
    authenticator = request.app.state.authenticator
    if not authenticator.required:
        raise InputError("Nobody logs in here. Switch it on with DOCENT_LOGIN=on and start Docent again.")
    users: Users = authenticator.users
    return users


def _account(request: Request) -> Account:
    account = _users(request).find(request.path_params["name"])
    if account is None:
        raise UnknownDocument("Nobody of this name may log in any more. Go back and load the page again.")
    return account


def _other(request: Request, reader: str) -> Account:
    """Return the account that is named, unless it is the reader's own: somebody has to stay administrator."""
    account = _account(request)
    if account.name == as_name(reader):
        raise InputError("This is you. Ask another administrator to do it.")
    return account
