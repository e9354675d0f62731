"""The chat in the browser. Start it with `make run`, or with `chainlit run app.py -w` to reload the code."""

import chainlit as cl
import chainlit.server
from chainlit.types import ThreadDict

from docent.web import server
from docent.web.accounts.login import watch_open_pages
from docent.web.chat import (
    answer_stream,
    answer_view,
    attachment_status,
    attachments,
    conversation,
    conversation_sources,
    file_scope,
    model_download,
    model_panel,
    page_session,
    reply,
    saved_answer,
    table_runs,
    tool_consent,
)
from docent.web.chat.history import History
from docent.web.thread_pool import run_in_small_pool

server.prepare()


@cl.on_app_startup
async def start_app() -> None:
    server.open_once()
    server.history()  # opened now, not while a page waits for it
    watch_open_pages(chainlit.server.sio, authenticator=lambda: server.state().authenticator)


@cl.on_app_shutdown
async def stop_app() -> None:
    try:
        await answer_stream.interrupt_all()
        await table_runs.stop_all()
    finally:
        server.close()


@cl.data_layer
def data_layer() -> History:
    return server.history()


@cl.set_chat_profiles
async def chat_profiles(user: cl.User | None, language: str | None = None) -> list[cl.ChatProfile]:
    reader = user.identifier if user else ""
    return await run_in_small_pool(
        conversation.chat_profiles, server.docent(), reader=reader, language=language
    )


@cl.on_chat_start
async def start_conversation() -> None:
    await conversation.start(docent=server.docent())
    await conversation.warn_of_failed_logins(server.state().authenticator)
    model_download.watch_download(server.docent(), server.state().downloads, page_session.language())
    await model_panel.announce_model(docent=server.docent())


@cl.on_chat_resume
async def resume_conversation(thread: ThreadDict) -> None:
    await conversation.resume(thread, docent=server.docent())
    await attachments.resume_files(thread, docent=server.docent())
    await model_panel.announce_model(docent=server.docent())


@cl.on_settings_update
async def settings_changed(settings: dict[str, object]) -> None:
    await model_panel.announce_model(docent=server.docent())


@cl.on_window_message  # Chainlit knows one such function: a second one would replace it
async def receive_window_message(message: object) -> None:
    await conversation_sources.change_sources(
        message, docent=server.docent(), libraries=file_scope.choosable_libraries
    )
    if await model_panel.choose_model(message, docent=server.docent()):
        await conversation.start(docent=server.docent())  # its settings show the choice
        await model_panel.announce_model(docent=server.docent())


@cl.on_message
async def receive_message(message: cl.Message) -> None:
    if message.command == conversation.EXPORT:
        await conversation.send_export_link(share_links=server.docent().settings.share_links)
    elif message.command == conversation.DOCUMENTS:
        await conversation.send_documents_link()
    elif message.command == conversation.DELETE_FILES:
        await attachments.delete_files()
    else:
        await reply.receive_message(message, docent=server.docent(), metrics=server.metrics())


@cl.action_callback(answer_view.ASK)
@cl.action_callback(answer_view.ASK_AGAIN)
@cl.action_callback(answer_view.ANSWER_ANYWAY)
async def ask_again(action: cl.Action) -> None:
    await reply.ask_again(
        str(action.payload["question"]),
        docent=server.docent(),
        metrics=server.metrics(),
        anyway=action.name == answer_view.ANSWER_ANYWAY,
    )


@cl.action_callback(saved_answer.SAVE_QUESTION)
async def save_test_question(action: cl.Action) -> None:
    reader, language = page_session.reader(), page_session.language()
    if server.state().authenticator.is_admin(reader):
        docent, history = server.docent(), server.history()
        await saved_answer.save_test_question(
            action, docent=docent, history=history, reader=reader, language=language
        )


@cl.action_callback(model_download.DOWNLOAD)
async def download_model(action: cl.Action) -> None:
    docent, state = server.docent(), server.state()

    async def ask_again() -> None:
        question = str(action.payload.get("question") or "")
        if question:
            await reply.ask_again(question, docent=docent, metrics=server.metrics())

    if state.authenticator.is_admin(page_session.reader()):
        await model_download.follow_download(docent, state.downloads, page_session.language(), then=ask_again)


@cl.action_callback(tool_consent.ALLOW)
@cl.action_callback(tool_consent.REFUSE)
async def answer_consent(action: cl.Action) -> None:
    tool_consent.answer_consent(action)


@cl.action_callback(attachment_status.CANCEL)
@cl.action_callback(attachment_status.SHARE)
@cl.action_callback(attachment_status.SHARE_IN)
@cl.action_callback(attachment_status.KEEP_PRIVATE)
async def press_file_button(action: cl.Action) -> None:
    await attachments.press(action)
