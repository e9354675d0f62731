"""The documents page as HTML: a list, one document, and the receipt of a deletion. No script is needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlencode

from docent.ingesting import is_locked
from docent.store import UPLOADED, KnownFile
from docent.types import Deletion, Page, ReadBy, State, StoredDocument, shown_library
from docent.web.chat.attachments import unlock_link
from docent.web.chat.file_scope import is_of_a_conversation
from docent.web.i18n import say as translate
from docent.web.i18n import speaks
from docent.web.i18n.documents_texts import DOCUMENTS_TEXTS

AT_ONCE = 50
CONVERSATIONS = "chat-"
"""Stands for every library that is one conversation's own."""
PAGES_AT_ONCE = 200
STATES: dict[str, tuple[State, ...]] = {
    "ready": (State.READY,),
    "partial": (State.PARTIAL,),
    "searchable": (State.SEARCHABLE,),
    "loading": (State.QUEUED, State.LOADING),
    "failed": (State.FAILED,),
}
"""By what the filter is called."""
FINISHED = (State.READY, State.PARTIAL)
COLUMNS = ("name", "library", "state", "pages", "size", "added")
TO_LIST = ("/documents", "all_documents")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the list somebody wants to see."""

    search: str = ""
    library: str = ""
    state: str = ""
    start: int = 0

    def at(self, start: int) -> str:
        """The address of another part of the same list."""
        asked = {"search": self.search, "library": self.library, "state": self.state, "start": start or ""}
        given = urlencode({name: value for name, value in asked.items() if value})
        return f"/documents?{given}" if given else "/documents"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What somebody may do with a document."""

    change: bool
    share: bool
    unshare: bool


def listing(
    documents: Sequence[StoredDocument],
    failures: Sequence[KnownFile],
    *,
    total: int,
    wanted: Wanted,
    libraries: Sequence[str],
    language: str,
) -> str:
    rows = "".join(_row(document, language) for document in documents)
    if rows:
        columns = "".join(f'<th scope="col">{t(key, language)}</th>' for key in COLUMNS)
        body = f'<table class="list"><thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table>'
    else:
        filtered = wanted.search or wanted.library or wanted.state
        body = f'<p class="empty">{t("none_found" if filtered else "no_documents", language)}</p>'
    pager = _pager(wanted, shown=len(documents), total=total, language=language)
    form = _filters(wanted, libraries, language)
    title = t("documents", language)
    below = pager if len(documents) > AT_ONCE // 3 else ""
    content = f"<h1>{title}</h1>{form}{pager}{body}{below}{_failures(failures, language)}"
    return _whole(title, content, language, back=("/", "back_to_chat"))


def _failures(failures: Sequence[KnownFile], language: str) -> str:
    """Files of folders that could not be read, each with its reason."""
    if not failures:
        return ""
    rows = "".join(
        f"<li><strong>{escape(one.path)}</strong> ({escape(one.library)}): "
        f"{escape(translate(one.reason, language))}</li>"
        for one in failures
    )
    return f'<h2>{t("not_taken_in", language)}</h2><ul class="failures">{rows}</ul>'


def _row(document: StoredDocument, language: str) -> str:
    link = f'<a href="/documents/{document.id}">{escape(document.name)}</a>'
    cells = (
        link,
        _library(document, language),
        _state(document, language),
        _pages(document, language),
        size(document.bytes),
        document.added[:10],
    )
    tds = (
        f'<td data-label="{t(key, language)}">{cell}</td>' for key, cell in zip(COLUMNS, cells, strict=True)
    )
    return f"<tr>{''.join(tds)}</tr>"


def _filters(wanted: Wanted, libraries: Sequence[str], language: str) -> str:
    named = [(name, _named(name, language)) for name in libraries if not is_of_a_conversation(name)]
    if any(map(is_of_a_conversation, libraries)):
        named.append((CONVERSATIONS, say("of_a_conversation", language)))
    shown = [("", say("every_library", language)), *named]
    states = [("", say("every_state", language)), *((key, say(f"state_{key}", language)) for key in STATES)]
    return (
        f'<form role="search" class="filters" action="/documents">'
        f'<label>{t("search_name", language)}<input type="search" name="search" '
        f'value="{escape(wanted.search)}" maxlength="200"></label>'
        f"<label>{t('library', language)}{_select('library', shown, wanted.library)}</label>"
        f"<label>{t('state', language)}{_select('state', states, wanted.state)}</label>"
        f"<button>{t('show', language)}</button></form>"
    )


def _select(name: str, options: Iterable[tuple[str, str]], chosen: str) -> str:
    made = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in options
    )
    return f'<select name="{name}">{made}</select>'


def _pager(wanted: Wanted, *, shown: int, total: int, language: str) -> str:
    if not total:
        return ""
    first, last = wanted.start + 1, wanted.start + shown
    said = say("range", language, first=f"{first:,}", last=f"{last:,}", total=f"{total:,}")
    before = max(wanted.start - AT_ONCE, 0)
    parts = [f"<span>{escape(said)}</span>"]
    if wanted.start:
        parts.append(f'<a rel="prev" href="{escape(wanted.at(before))}">{t("earlier", language)}</a>')
    if last < total:
        parts.append(f'<a rel="next" href="{escape(wanted.at(last))}">{t("later", language)}</a>')
    return f'<nav class="pager" aria-label="{t("pages", language)}">{"".join(parts)}</nav>'


def one(
    document: StoredDocument,
    pages: Sequence[Page],
    *,
    start: int,
    allowed: Allowed,
    libraries: Sequence[str],
    notes: Sequence[str],
    busy: bool,
    language: str,
) -> str:
    """One document: what it is, what can be done with it, how each page was read."""
    facts = (
        ("library", _library(document, language)),
        ("state", _state(document, language)),
        ("pages", _pages(document, language)),
        ("size", size(document.bytes)),
        ("kind", escape(document.kind)),
        ("date", escape(document.date)),
        ("added", escape(document.added[:10])),
        ("paths", "<br>".join(escape(path) for path in document.paths if not path.startswith(UPLOADED))),
    )
    listed = "".join(f"<dt>{t(key, language)}</dt><dd>{value}</dd>" for key, value in facts if value)
    working = " busy" if busy else ""
    said = "".join(f'<p class="note{working}" role="status">{escape(note)}</p>' for note in notes)
    content = (
        f"<h1>{escape(document.name)}</h1>{said}<dl>{listed}</dl>"
        f"{_actions(document, allowed, libraries, language)}"
        f"{_coverage(document, pages, start, language, hidden=allowed.change)}"
    )
    return _whole(document.name, content, language, back=TO_LIST)


def _actions(document: StoredDocument, allowed: Allowed, libraries: Sequence[str], language: str) -> str:
    at = f"/documents/{document.id}"
    parts = [f'<a class="button" href="{at}/file" download>{t("download", language)}</a>']
    if allowed.change:
        parts.append(_button(f"{at}/again", "read_again", language))
    if allowed.share:
        choice = _select("library", [(name, name) for name in libraries], libraries[0])
        parts.append(
            f'<form method="post" action="{at}/share"><label>{t("share_with", language)} {choice}</label>'
            f"<button>{t('share', language)}</button></form>"
        )
    if allowed.unshare:
        parts.append(_button(f"{at}/unshare", "unshare", language))
    if allowed.change:
        why = t("delete_shared" if document.owner is None else "delete_private", language)
        parts.append(
            f'<details class="danger"><summary>{t("delete", language)}</summary><p>{why}</p>'
            f'<form method="post" action="{at}/delete">{_quotes(language)}'
            f"<button>{t('delete_now', language)}</button></form></details>"
        )
    elif not allowed.unshare:
        parts.append(f"<p>{t('only_admin', language)}</p>")
    return f'<div class="actions">{"".join(parts)}</div>'


def _quotes(language: str) -> str:
    """The choice of what becomes of the answers that quote the document."""
    options = "".join(
        f'<label><input type="radio" name="quotes" value="{how}"{" checked" if how == "blank" else ""}> '
        f"{t(f'quotes_{how}', language)}</label>"
        for how in ("blank", "delete")
    )
    return f"<fieldset><legend>{t('quotes', language)}</legend>{options}</fieldset>"


def _button(action: str, key: str, language: str) -> str:
    return f'<form method="post" action="{action}"><button>{t(key, language)}</button></form>'


def _coverage(
    document: StoredDocument, pages: Sequence[Page], start: int, language: str, *, hidden: bool
) -> str:
    if not pages:
        return ""
    shown = pages[start : start + PAGES_AT_ONCE]
    heads = "".join(
        f'<th scope="col">{t(key, language)}</th>' for key in ("page", "read_as", "characters", "remarks")
    )
    rows = "".join(
        f"<tr><td>{escape(page.where)}</td><td>{_read_as(page, language)}</td>"
        f"<td>{len(page.text):,}</td><td>{_remarks(page, language, hidden=hidden)}</td></tr>"
        for page in shown
    )
    others = []
    if len(pages) > PAGES_AT_ONCE:
        said = say("range", language, first=start + 1, last=start + len(shown), total=len(pages))
        others.append(f"<span>{escape(said)}</span>")
        for key, to in (("earlier", start - PAGES_AT_ONCE), ("later", start + PAGES_AT_ONCE)):
            if 0 <= to < len(pages):
                others.append(f'<a href="/documents/{document.id}?start={to}">{t(key, language)}</a>')
    nav = f'<nav class="pager" aria-label="{t("pages", language)}">{"".join(others)}</nav>' if others else ""
    return (
        f"<h2>{t('coverage', language)}</h2>{nav}<table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{rows}</tbody></table>{nav}"
    )


def _read_as(page: Page, language: str) -> str:
    if page.read_by is ReadBy.OCR:
        return escape(say("read_ocr", language, percent=round(100 * page.confidence)))
    return t(f"read_{page.read_by}", language)


def _remarks(page: Page, language: str, *, hidden: bool) -> str:
    """What a reader of the page would not see is for those who are in charge of the document."""
    note = escape(translate(page.note, language))
    if not page.hidden:
        return note
    title = t("hidden_text", language)
    told = f"<details><summary>{title}</summary><pre>{escape(page.hidden)}</pre></details>"
    return note + (told if hidden else f" <small>{title}</small>")


def receipt(deletion: Deletion, *, language: str) -> str:
    """What a deletion found, and what it left."""
    title = say("deleted", language, name=deletion.name)
    rows = "".join(
        f"<tr><td>{t(f'held_{what}', language)}</td><td>{count:,}</td>"
        f"<td>{deletion.left.get(what, 0):,}</td></tr>"
        for what, count in deletion.found.items()
    )
    heads = "".join(f'<th scope="col">{t(key, language)}</th>' for key in ("what", "found", "left"))
    said = t("deleted_not" if any(deletion.left.values()) else "deleted_all", language)
    content = (
        f'<h1>{escape(title)}</h1><p class="note" role="status">{said}</p>'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )
    return _whole(title, content, language, back=TO_LIST)


def refusal(why: str, *, language: str) -> str:
    return _whole(
        say("documents", language), f"<h1>{t('documents', language)}</h1><p class='note'>{escape(why)}</p>",
        language, back=TO_LIST,
    )  # fmt: skip


def _whole(title: str, content: str, language: str, *, back: tuple[str, str]) -> str:
    return (
        f'<!doctype html><html lang="{speaks(language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Docent</title>"
        '<link rel="icon" href="/favicon"><link rel="stylesheet" href="/public/documents.css">'
        '<script src="/public/documents.js"></script></head><body>'
        f'<header><a href="{back[0]}"><img src="/public/favicon.svg" alt="" width="24" height="24"> '
        f"{t(back[1], language)}</a></header><main>{content}</main></body></html>"
    )


def _library(document: StoredDocument, language: str) -> str:
    private = f' <span class="badge">{t("private", language)}</span>' if document.owner is not None else ""
    return escape(_named(document.library, language)) + private


def _named(library: str, language: str) -> str:
    """A library's name; one of a conversation's own has an id for a name, which says nothing to anybody."""
    return say("of_a_conversation", language) if is_of_a_conversation(library) else shown_library(library)


def _state(document: StoredDocument, language: str) -> str:
    shown = document.state if document.chunks or document.state not in FINISHED else "nothing"
    said = t(f"state_{shown}", language)
    said_why = escape(translate(document.reason, language))
    if is_locked(document) and document.owner is not None:
        said_why = f'<a href="{unlock_link(document.id)}">{t("unlock", language)}</a>'
    why = f"<small>{said_why}</small>" if said_why else ""
    return f'<span class="state {shown}">{said}</span>{why}'


def _pages(document: StoredDocument, language: str) -> str:
    unread = say("unread", language, count=document.unread_pages) if document.unread_pages else ""
    return f"{document.pages:,}" + (f" <small>({escape(unread)})</small>" if unread else "")


def size(count: int) -> str:
    """As a person would say it."""
    amount, unit = float(count), "B"
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"


def say(key: str, language: str, **values: Any) -> str:
    return translate(DOCUMENTS_TEXTS[key][0], language, **values)


def t(key: str, language: str, **values: Any) -> str:
    """One of our texts, safe inside HTML."""
    return escape(say(key, language, **values))
