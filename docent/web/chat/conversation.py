"""Start and resume a conversation: its persona, commands and settings panel, and what has changed since."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import chainlit as cl
from chainlit.chat_context import chat_context
from chainlit.input_widget import InputWidget, Select, Slider, Switch
from chainlit.step import StepDict
from chainlit.types import ChatProfile, CommandDict, ThreadDict

from docent.app import Docent, Persona
from docent.errors import ModelError
from docent.messages import Message
from docent.resources import FILES
from docent.settings import Settings
from docent.types import Preferences, Scope
from docent.web.accounts.login import FREE_TRIES, Authenticator
from docent.web.chat.answer_stream import WRITER, is_being_written, unfinished_question
from docent.web.chat.answer_view import ask_again_action
from docent.web.chat.conversation_sources import refresh_names, show_sources
from docent.web.chat.page_session import escape_markdown, language, note, reader
from docent.web.chat.saved_answer import SourceState, changed_sources, load_answer, previous_turns
from docent.web.chat.start_questions import start_questions
from docent.web.i18n import say
from docent.web.thread_pool import run_in_small_pool

EXPORT, DOCUMENTS, DELETE_FILES, TABLE = "export", "documents", "forget", "table"
"""The commands, as they are typed after a slash."""
MODELS = "models"
"""Key, in the user session, of the models that the settings panel offers."""
MODELS_TIMEOUT = 3  # seconds

ANY = "*"
"""Value of "default" in the panel, whose lists cannot hold an empty value."""
LENGTHS = (
    (Message("Short (about 150 words)"), 200),
    (Message("Medium (about 375 words)"), 500),
    (Message("Long (about 1,100 words)"), 1500),
)
"""Label and tokens of each length of answers."""
MAX_PASSAGES = 30
"""The panel's largest number of passages, unless the settings have a larger one."""

EVERYTHING = "Docent"
"""The profile without a persona: every library, the plain tone."""

ICONS = FILES / "public" / "personas"

STARTERS = (
    ("internships", Message("Find an internship"), "Which internship is about machine learning?"),
    ("restaurants", Message("Read a menu"), "What does the Barolo cost?"),
    ("handbook", Message("Learn about Docent"), "Where do I put my documents?"),
    ("handbook", Message("What leaves my computer"), "Does anything leave my computer?"),
)
"""Library of the samples, label of the button, and its question (the samples are in English).

Each is answered right without a language model: tests/golden/test_starters.py.
"""


@dataclass(frozen=True, slots=True)
class ChatChoices:
    """The choices that a reader has made in the settings panel."""

    preferences: Preferences = Preferences()
    show_receipt: bool = True


async def start(*, docent: Docent) -> None:
    """Offer the commands and the settings panel of a conversation, and show its sources."""
    await refresh_names(docent)
    await show_sources()
    await cl.context.emitter.set_commands(
        [
            _command(TABLE, Message("Compare many documents in a table"), "table"),
            _command(EXPORT, Message("Download this conversation"), "download"),
            _command(DOCUMENTS, Message("See, search and manage the documents"), "library"),
            _command(DELETE_FILES, Message("Delete the files sent in this conversation"), "trash-2"),
        ]
    )
    try:
        models = await asyncio.wait_for(docent.models(), timeout=MODELS_TIMEOUT)
    except (ModelError, TimeoutError):
        models = ()  # the panel does without them
    cl.user_session.set(MODELS, list(models))
    panel = settings_panel(
        docent.settings,
        models=models,
        current=dict(cl.context.session.chat_settings),
        language=language(),
    )
    await cl.ChatSettings(panel).send()


def _command(name: str, description: Message, icon: str) -> CommandDict:
    return {
        "id": name,
        "description": say(description, language()),
        "icon": icon,
        "button": False,
        "persistent": False,
        "selected": False,
    }


async def warn_of_failed_logins(authenticator: Authenticator) -> None:
    """Tell a user, once, that somebody else seems to be guessing their password."""
    failed = authenticator.refused_attempts(reader())
    if failed >= FREE_TRIES:  # fewer are slips of their own
        warning = say(
            "{n} attempts to log in under your name failed since your last visit. If they were not "
            "yours, tell your administrator and choose a long password.",
            language(),
            n=failed,
        )
        await note(f"⚠️ {warning}").send()


async def send_documents_link() -> None:
    """Answer the command for the documents page."""
    await note(
        say("[Open the documents page](/documents) to see, search and manage the documents.", language())
    ).send()


async def send_export_link(*, share_links: bool) -> None:
    """Answer the command for an export with a link to this conversation as a file, or to sharing it."""
    if previous_turns(chat_context.get()) and share_links:
        thread = cl.context.session.thread_id
        text = say(
            "[Download this conversation]({link}) as Markdown, with its sources, or "
            "[share it by a link]({share}).",
            language(),
            link=f"/export/{thread}",
            share=f"/link/{thread}",
        )
    elif previous_turns(chat_context.get()):
        text = say(
            "[Download this conversation]({link}) as Markdown, with its sources.",
            language(),
            link=f"/export/{cl.context.session.thread_id}",
        )
    else:
        text = say("There is nothing to export yet. Ask a question first.", language())
    await note(text).send()


async def resume(thread: ThreadDict, *, docent: Docent) -> None:
    """Open an earlier conversation; answers that are incomplete or whose sources changed say so."""
    await start(docent=docent)
    scope = Scope(reader=reader())
    for step in thread["steps"]:
        if step["type"] != "assistant_message":
            continue
        if question := unfinished_question(step.get("metadata")):
            await _mark_incomplete(step, question)
        elif (answer := load_answer(step.get("metadata"))) is not None:
            changed = await run_in_small_pool(changed_sources, answer, reader=docent.store, scope=scope)
            if changed:
                await _mark_outdated(step, answer.question, changed)


async def _mark_incomplete(step: StepDict, question: str) -> None:
    if is_being_written(step["id"]) or WRITER in step["metadata"]:
        step["output"] += "\n\n" + say(
            "*This answer is still being written. Open the conversation again in a moment to see all of it.*",
            language(),
        )
        return
    step["output"] += "\n\n" + say(
        "⚠️ The answer stops here: Docent ended while it was being written.", language()
    )
    await ask_again_action(question).send(for_id=step["id"])


OUTDATED = {
    "changed": Message("⚠️ {files} changed after this answer. Ask again for an answer from the new version."),
    "deleted": Message(
        "⚠️ {files} was deleted after this answer. Ask again for an answer from the other documents."
    ),
}


async def _mark_outdated(step: StepDict, question: str, changed: Mapping[str, SourceState]) -> None:
    for state, warning in OUTDATED.items():
        files = ", ".join(escape_markdown(file) for file, became in changed.items() if became == state)
        if files:
            step["output"] += "\n\n" + say(warning, language(), files=files)
    await ask_again_action(question).send(for_id=step["id"])


def settings_panel(
    settings: Settings,
    *,
    models: Sequence[str],
    current: Mapping[str, Any],
    language: str | None,
) -> list[InputWidget]:
    """Return the settings panel with the current choices of a conversation."""
    as_configured = say("As set up", language)
    model = say("As set up ({what})", language, what=settings.model_name)
    lengths = {say(label, language): str(tokens) for label, tokens in LENGTHS}
    most_passages = max(MAX_PASSAGES, settings.passages)
    return [
        _select("model", say("Model", language), {model: ANY} | {name: name for name in models}, current),
        _select("length", say("Length of answers", language), {as_configured: ANY} | lengths, current),
        Slider(
            id="passages",
            label=say("Passages", language),
            description=say("The most that the model is shown", language),
            initial=_number(current.get("passages"), settings.passages, 1, most_passages),
            min=1,
            max=most_passages,
            step=1,
        ),
        Slider(
            id="temperature",
            label=say("Temperature", language),
            description=say("0 keeps to the text; 2 is free", language),
            initial=_number(current.get("temperature"), settings.temperature, 0, 2),
            min=0,
            max=2,
            step=0.1,
        ),
        Switch(
            id="receipt",
            label=say("Show how each answer was made", language),
            initial=current.get("receipt") is not False,
        ),
    ]


def _select(name: str, label: str, items: dict[str, str], current: Mapping[str, Any]) -> Select:
    value = current.get(name)
    return Select(id=name, label=label, items=items, initial_value=value if value in items.values() else ANY)


def current_choices(docent: Docent) -> ChatChoices:
    """Return the choices that are set in this conversation."""
    models = cl.user_session.get(MODELS) or ()
    return read_choices(cl.context.session.chat_settings, settings=docent.settings, models=models)


def read_choices(values: Mapping[str, Any], *, settings: Settings, models: Iterable[str]) -> ChatChoices:
    """Read the panel's values; as they come from a browser, one that was not offered counts as not set."""
    most_passages = max(MAX_PASSAGES, settings.passages)
    passages = round(_number(values.get("passages"), settings.passages, 1, most_passages))
    temperature = _number(values.get("temperature"), settings.temperature, 0, 2)
    model, length = values.get("model"), values.get("length")
    lengths = {str(tokens): tokens for _, tokens in LENGTHS}
    return ChatChoices(
        preferences=Preferences(
            model=str(model) if model in set(models) else "",
            temperature=None if temperature == settings.temperature else temperature,
            answer_tokens=lengths.get(str(length)),
            passages=None if passages == settings.passages else passages,
        ),
        show_receipt=values.get("receipt") is not False,
    )


def _number(value: Any, default: float, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return default
    return min(max(value, least), most)


# --- personas, as the profiles of Chainlit's page -------------------------------------------


def chat_profiles(docent: Docent, *, reader: str, language: str | None) -> list[ChatProfile]:
    """Return the plain profile, then one for each persona whose library exists."""
    documents = docent.store.documents(Scope(reader=reader))
    libraries = {document.library for document in documents}
    plain = ChatProfile(
        name=EVERYTHING,
        markdown_description=say(
            Message("Ask your documents. Every answer shows the page it comes from.")
            if libraries
            else Message("There are no documents yet. Add one, then ask about it."),
            language,
        ),
        icon="/public/logo.svg",
        display_name=EVERYTHING,
        default=True,
        starters=start_questions(docent, documents, reader=reader) or _starters(libraries, language=language),
    )
    offered = (persona for persona in docent.personas if persona.library in {"", *libraries})
    return [plain, *(_profile(persona, language) for persona in offered)]


def _starters(libraries: set[str], *, language: str | None) -> list[cl.Starter]:
    """Return a first question for each of the samples' libraries that exists."""
    return [
        cl.Starter(label=say(label, language), message=question, icon=_icon(library))
        for library, label, question in STARTERS
        if library in libraries
    ]


def _profile(persona: Persona, language: str | None) -> ChatProfile:
    """Return a persona as a profile; only the texts of our own personas are translated."""
    return ChatProfile(
        name=persona.key,
        markdown_description=say(persona.description or persona.name, language),
        icon=_icon(persona.key),
        display_name=say(persona.name, language),
        starters=[
            cl.Starter(label=say(starter.label, language), message=starter.message)
            for starter in persona.starters
        ],
    )


def _icon(key: str) -> str:
    """Return the address of public/personas/KEY.svg, or of the common icon where there is none."""
    name = key if (ICONS / f"{key}.svg").exists() else "persona"
    return f"/public/personas/{name}.svg"


def persona_key(profile: str | None) -> str:
    """Return the key of a profile's persona; "" for the plain profile."""
    return "" if profile in (None, "", EVERYTHING) else str(profile)
