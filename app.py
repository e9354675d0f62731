"""The chat in the browser: receive, answer, show. `make run`, or `chainlit run app.py -w`."""

import chainlit as cl
import chainlit.server
from chainlit.types import ThreadDict

from docent.web import server
from docent.web.accounts.authenticator import watch_open_pages
from docent.web.chat import (
    attachments,
    citation_panel,
    conversation,
    feedback,
    messages,
    model_download,
    profiles,
    reply,
    streaming,
)
from docent.web.chat.history import History
from docent.web.thread_pool import run_in_small_pool

server.prepare()


@cl.on_app_startup
async def start_up() -> None:
    server.open_once()
    server.history()  # opened here, where nobody waits for it
    watch_open_pages(chainlit.server.sio, authenticator=lambda: server.state().authenticator)


@cl.on_app_shutdown
async def shut_down() -> None:
    try:
        await streaming.break_off()
    finally:
        server.close()


@cl.data_layer
def history() -> History:
    return server.history()


@cl.set_chat_profiles
async def personas(user: cl.User | None, language: str | None = None) -> list[cl.ChatProfile]:
    reader = user.identifier if user else ""
    return await run_in_small_pool(profiles.profiles, server.docent(), reader=reader, language=language)


@cl.on_chat_start
async def start() -> None:
    await conversation.start(docent=server.docent())
    await conversation.tell_of_attempts(server.state().authenticator)
    model_download.follow(server.docent(), conversation.language())


@cl.on_chat_resume
async def resume(thread: ThreadDict) -> None:
    await conversation.resume(thread, docent=server.docent())
    await attachments.resume(thread, docent=server.docent())


@cl.on_message
async def answer(message: cl.Message) -> None:
    if message.command == conversation.EXPORT:
        await conversation.export()
    elif message.command == conversation.DOCUMENTS:
        await conversation.documents()
    elif message.command == conversation.FORGET:
        await attachments.forget()
    else:
        await messages.received(message, docent=server.docent(), metrics=server.metrics())


@cl.on_window_message
async def source(message: object) -> None:
    reader, language = conversation.reader(), conversation.language()
    await citation_panel.show(message, state=server.state(), reader=reader, language=language)


@cl.action_callback(conversation.ASK_AGAIN)
async def ask_again(action: cl.Action) -> None:
    await reply.ask_again(str(action.payload["question"]), docent=server.docent(), metrics=server.metrics())


@cl.action_callback(conversation.ANYWAY)
async def answer_anyway(action: cl.Action) -> None:
    question = str(action.payload["question"])
    await reply.ask_again(question, docent=server.docent(), metrics=server.metrics(), anyway=True)


@cl.action_callback(feedback.KEEP)
async def keep_golden(action: cl.Action) -> None:
    reader, language = conversation.reader(), conversation.language()
    if server.state().authenticator.is_admin(reader):
        docent, history = server.docent(), server.history()
        await feedback.keep(action, docent=docent, history=history, reader=reader, language=language)


@cl.action_callback(model_download.FETCH)
async def fetch_model(action: cl.Action) -> None:
    await model_download.fetch(server.docent(), conversation.language())


@cl.action_callback(attachments.CANCEL)
async def cancel_file(action: cl.Action) -> None:
    await attachments.cancel(action)


@cl.action_callback(attachments.SHARE)
async def share_file(action: cl.Action) -> None:
    await attachments.share(action)


@cl.action_callback(attachments.KEEP)
async def keep_file(action: cl.Action) -> None:
    await attachments.keep(action)


@cl.action_callback(attachments.SHARE_IN)
async def share_file_in(action: cl.Action) -> None:
    await attachments.share_in(action)
