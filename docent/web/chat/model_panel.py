"""The model in the header of the page: which one answers, whether it is ready, and what else there is."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

import chainlit as cl
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from docent.answering.models.client import ModelStatus, ServedModel
from docent.app import Docent
from docent.errors import ModelError
from docent.messages import Message
from docent.web.chat.conversation import ANY, MODELS, persona_key
from docent.web.chat.model_download import ModelDownload, ModelDownloads, progress_text
from docent.web.chat.page_session import language_of
from docent.web.documents.page_access import from_our_own_page
from docent.web.i18n import say
from docent.web.input_checks import NOT_OUR_PAGE
from docent.web.page_routes import PRIVATE, require_login
from docent.web.templates import render

CHOSEN = "docent-model"
"""Key of the message to the page that names the model of the conversation."""
CHOOSE = "docent-choose-model"
"""Key of the page's message that chooses a model by its name; an empty name is the one of the settings."""
MODEL_NAME = re.compile(r"[\w.:/-]{1,200}")
CHECK_SECONDS = 8.0

FOR_MEMBERS = Message(
    "The language model is not available at the moment. Until it is, answers are quoted from the "
    "documents. Tell your administrator if this lasts."
)


def routes() -> list[Route]:
    return [
        Route("/model", require_login(show_model)),
        Route("/model/download", require_login(start_download), methods=["POST"]),
    ]


@dataclass(frozen=True, slots=True)
class ModelView:
    """The model that answers, as the template shows it."""

    chosen: str
    """The model of this conversation; empty for that of the settings."""
    default: str
    state: str
    """ready, missing, down or downloading."""
    sentence: str
    models: tuple[ServedModel, ...]
    can_download: bool
    """True for a reader who may let the server download models."""
    download: ModelDownload | None
    download_text: str

    @property
    def name(self) -> str:
        return self.chosen or self.default

    def is_default(self, model: ServedModel) -> bool:
        return model.name in (self.default, f"{self.default}:latest")


async def show_model(request: Request, reader: str) -> Response:
    """Return the panel of the model that is named, or of that of the settings."""
    state, language = request.app.state, language_of(request)
    name = request.query_params.get("name", "")
    view = await model_view(
        state.docent,
        name if MODEL_NAME.fullmatch(name) else "",
        downloads=state.downloads,
        is_admin=state.authenticator.is_admin(reader),
        language=language,
    )
    return HTMLResponse(render("models/panel.html", language, view=view), headers=PRIVATE)


async def start_download(request: Request, reader: str) -> Response:
    """Let the server download a model; only an administrator may."""
    state, language = request.app.state, language_of(request)
    if not state.authenticator.is_admin(reader):
        refusal = say("Only an administrator can download a model.", language)
        return JSONResponse({"detail": refusal}, 403, headers=PRIVATE)
    try:
        name = str((await request.json())["name"]).strip()
    except (json.JSONDecodeError, KeyError, TypeError):
        return JSONResponse({"detail": say(NOT_OUR_PAGE, language)}, 400, headers=PRIVATE)
    if not from_our_own_page(request) or not state.docent.can_pull:
        return JSONResponse({"detail": say(NOT_OUR_PAGE, language)}, 403, headers=PRIVATE)
    if not MODEL_NAME.fullmatch(name):
        refusal = say("A model's name has letters, digits and . : / - only, such as llama3.2:3b.", language)
        return JSONResponse({"detail": refusal}, 400, headers=PRIVATE)
    downloads: ModelDownloads = state.downloads
    downloads.start(name)
    request.state.about = name
    return JSONResponse({"name": name}, 202, headers=PRIVATE)


async def model_view(
    docent: Docent, name: str, *, downloads: ModelDownloads, is_admin: bool, language: str
) -> ModelView:
    """Ask the server about the model and the others that it has."""
    try:
        status, models = await asyncio.wait_for(
            asyncio.gather(docent.check_model(name), _describe(docent)), CHECK_SECONDS
        )
    except TimeoutError:
        status, models = ModelStatus(False, say("The model server does not answer.", language)), ()
    download = downloads.latest() if is_admin else None
    under_way = download is not None and not download.ended.is_set()
    return ModelView(
        chosen=name,
        default=docent.settings.model_name,
        state=_state(status, under_way=under_way),
        sentence=_sentence(status, docent, is_admin=is_admin, language=language),
        models=models,
        can_download=is_admin and docent.can_pull,
        download=download,
        download_text=progress_text(download.progress, language) if download and under_way else "",
    )


def _state(status: ModelStatus, *, under_way: bool) -> str:
    if status.ready:
        return "ready"
    if under_way:
        return "downloading"
    return "missing" if status.can_pull else "down"


def _sentence(status: ModelStatus, docent: Docent, *, is_admin: bool, language: str) -> str:
    """Return what a member needs to know, and for an administrator what can be done about it."""
    if status.ready:
        return say("It is ready.", language)
    if not is_admin:
        return say(FOR_MEMBERS, language)
    if status.can_pull and docent.can_pull:  # here, without the command that the sentence would name
        return say("The model server is there, but it does not have this model yet.", language)
    return say(status.sentence, language)


async def _describe(docent: Docent) -> tuple[ServedModel, ...]:
    try:
        return await docent.describe_models()
    except ModelError:
        return ()  # the status says why


# --- the model of a conversation ------------------------------------------------------------


async def announce_model(*, docent: Docent) -> None:
    """Tell the page which model answers in this conversation."""
    chosen = cl.context.session.chat_settings.get("model")
    name = chosen if isinstance(chosen, str) and chosen not in ("", ANY) else ""
    persona = docent.persona(persona_key(cl.context.session.chat_profile))
    await cl.send_window_message({CHOSEN: name or persona.model})


async def choose_model(message: Any, *, docent: Docent) -> bool:
    """Answer in this conversation with the model that its page chose; return False for another message."""
    name = message.get(CHOOSE) if isinstance(message, dict) else None
    if not isinstance(name, str):
        return False
    try:
        models = await docent.models()
    except ModelError:
        models = ()
    if name and name not in models:
        return False
    cl.user_session.set(MODELS, list(models))
    cl.context.session.chat_settings = {**cl.context.session.chat_settings, "model": name or ANY}
    return True
