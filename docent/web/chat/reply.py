"""Answer a message: take in its files, ask the question where it is to be searched, show the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import chainlit as cl
from chainlit.chat_context import chat_context
from chainlit.data import get_data_layer

from docent.app import Docent
from docent.errors import DocentError
from docent.ingesting import Ticket
from docent.types import AnswerRequest
from docent.web.accounts.address_redaction import redact_events
from docent.web.chat.answer_view import AnswerView, ask_again_action
from docent.web.chat.attachments import (
    Attachment,
    receive_files,
    undecided,
    uploaded_source,
    wait_until_searchable,
)
from docent.web.chat.conversation import TABLE, current_choices, persona_key
from docent.web.chat.conversation_sources import add_sources, refresh_names, take_tags
from docent.web.chat.file_scope import choosable_libraries, question_scope
from docent.web.chat.page_session import is_operator, language, note, reader
from docent.web.chat.saved_answer import previous_table, previous_turns
from docent.web.chat.tool_consent import ask_consent, refuse_open_questions
from docent.web.i18n import say
from docent.web.monitoring import Metrics


async def receive_message(message: cl.Message, *, docent: Docent, metrics: Metrics) -> None:
    """Answer a question; one that comes with files waits until they are searchable."""
    refuse_open_questions()
    question = await take_tags(message.content, docent=docent, libraries=choosable_libraries)
    if message.command == TABLE and question.strip():
        question = f"/{TABLE} {question}"  # as it can be typed
    attachments = await receive_files(message, docent=docent) if message.elements else []
    if message.elements:
        await add_sources(map(uploaded_source, (attachment.ticket for attachment in attachments)))
    waited_for = list(dict.fromkeys([*attachments, *undecided()]))
    if not question.strip():
        if message.elements:
            await _name_after_files(message)
    elif not waited_for:
        await reply(question, docent=docent, metrics=metrics)
    else:
        # In a task, because Chainlit disables every button, also Cancel, until this function ends.
        cl.context.session.current_task = asyncio.create_task(
            _reply_when_searchable(message, question, attachments, waited_for, docent=docent, metrics=metrics)
        )


async def _name_after_files(message: cl.Message) -> None:
    """Let the file names stand for a message without text, also in the list of conversations."""
    names = ", ".join(str(element.name) for element in message.elements)
    message.content = names
    elements, message.elements = message.elements, []  # on the page already
    await message.update()
    message.elements = elements
    thread_id = cl.context.session.thread_id
    layer = get_data_layer()
    thread = await layer.get_thread(thread_id) if layer is not None else None
    if layer is not None and not (thread and thread["name"]):
        await layer.update_thread(thread_id, name=names)
        await cl.context.emitter.emit("first_interaction", {"interaction": names, "thread_id": thread_id})


async def _reply_when_searchable(
    message: cl.Message,
    question: str,
    attachments: Sequence[Attachment],
    waited_for: Sequence[Attachment],
    *,
    docent: Docent,
    metrics: Metrics,
) -> None:
    """Ask the question once every file is decided: those sent with it, and earlier ones still being read."""
    waiting = None
    if not all(attachment.searchable for attachment in waited_for):
        text = say("Your question is asked as soon as the files can be searched.", language())
        waiting = await note(text).send()
    try:
        searchable = await wait_until_searchable(waited_for)
    finally:
        if waiting is not None:
            await waiting.remove()
    own = {attachment.ticket for attachment in attachments}
    tickets = [ticket for ticket in searchable if ticket in own]
    if tickets or not attachments:
        await reply_later(question, to=message.id, docent=docent, metrics=metrics, tickets=tickets)
        return
    text = say(
        "None of these files can be searched, so your question was not asked. Send other files, or ask "
        "without them.",
        language(),
    )
    await note(text, actions=[ask_again_action(question)]).send()


async def reply(
    question: str,
    *,
    docent: Docent,
    metrics: Metrics,
    tickets: Sequence[Ticket] = (),
    anyway: bool = False,
) -> None:
    """Show the answer to a question as it is written, then with its citations.

    With `tickets`, only those files are searched; `anyway` asks the model without documents.
    """
    choices = current_choices(docent)
    persona = persona_key(cl.context.session.chat_profile)
    chosen = await refresh_names(docent)
    try:
        scope = await asyncio.to_thread(
            question_scope, docent, chosen=chosen, persona=persona, tickets=tickets
        )
    except DocentError as error:  # an old conversation's persona or library may be gone
        await note(f"⚠️ {say(error.message, language())}").send()
        return
    asked_of = [ticket.name for ticket in tickets] or [source.name for source in chosen]
    request = AnswerRequest(
        question=question,
        history=previous_turns(chat_context.get()),
        scope=scope,
        persona=persona,
        preferences=choices.preferences,
        at_hand=tuple(ticket.document_id for ticket in tickets)
        or tuple(source.id for source in chosen if source.kind == "document"),
        anyway=anyway,
        ask_consent=ask_consent,
        after_table=previous_table(chat_context.get()),
    )
    view = AnswerView(request, docent, show_receipt=choices.show_receipt, asked_of=asked_of)
    events = docent.answer(request)
    if not is_operator():
        events = redact_events(events, docent.settings)
    await view.show(metrics.observe(events, "chat", actor=reader()))


async def ask_again(question: str, *, docent: Docent, metrics: Metrics, anyway: bool = False) -> None:
    """Ask an earlier question again as if it were typed; the button does not wait for the answer."""
    message = await cl.Message(content=question, type="user_message", author=reader()).send()
    cl.context.session.current_task = asyncio.create_task(
        reply_later(question, to=message.id, docent=docent, metrics=metrics, anyway=anyway)
    )


async def reply_later(
    question: str,
    *,
    to: str,
    docent: Docent,
    metrics: Metrics,
    tickets: Sequence[Ticket] = (),
    anyway: bool = False,
) -> None:
    """Reply to an earlier message; the page shows that it is being answered, and can stop it."""
    await cl.context.emitter.task_start()
    try:
        async with cl.Step(name="on_message", type="run", parent_id=to):  # the step that a rating is for
            await reply(question, docent=docent, metrics=metrics, tickets=tickets, anyway=anyway)
    except asyncio.CancelledError:
        pass
    finally:
        await cl.context.emitter.task_end()
