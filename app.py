"""The chat in the browser: receive, answer, show. `make run`, or `chainlit run app.py -w`."""

import chainlit as cl
import chainlit.server
from chainlit.types import ThreadDict

from docent.web import (
    chat,
    conversation,
    fetching,
    handing_in,
    leaving,
    liking,
    profiles,
    serving,
    streaming,
    uploading,
    viewing,
)
from docent.web.history import History
from docent.web.light import lightly

serving.prepare()


@cl.on_app_startup
async def open_doors() -> None:
    serving.open_doors()
    serving.history()  # opened here, where nobody waits for it
    leaving.watch(chainlit.server.sio, door=lambda: serving.state().door)


@cl.on_app_shutdown
async def close_doors() -> None:
    try:
        await streaming.break_off()
    finally:
        serving.close_doors()


@cl.data_layer
def history() -> History:
    return serving.history()


@cl.set_chat_profiles
async def personas(user: cl.User | None, language: str | None = None) -> list[cl.ChatProfile]:
    reader = user.identifier if user else ""
    return await lightly(profiles.profiles, serving.house(), reader=reader, language=language)


@cl.on_chat_start
async def start() -> None:
    await conversation.start(house=serving.house())
    await conversation.tell_of_attempts(serving.state().door)
    fetching.follow(serving.house(), conversation.language())


@cl.on_chat_resume
async def resume(thread: ThreadDict) -> None:
    await conversation.resume(thread, house=serving.house())
    await uploading.resume(thread, house=serving.house())


@cl.on_message
async def answer(message: cl.Message) -> None:
    if message.command == conversation.EXPORT:
        await conversation.export()
    elif message.command == conversation.DOCUMENTS:
        await conversation.documents()
    elif message.command == conversation.FORGET:
        await uploading.forget()
    else:
        await handing_in.received(message, house=serving.house(), metrics=serving.metrics())


@cl.on_window_message
async def source(message: object) -> None:
    reader, language = conversation.reader(), conversation.language()
    await viewing.show(message, state=serving.state(), reader=reader, language=language)


@cl.action_callback(conversation.ASK_AGAIN)
async def ask_again(action: cl.Action) -> None:
    await chat.ask_again(str(action.payload["question"]), house=serving.house(), metrics=serving.metrics())


@cl.action_callback(conversation.ANYWAY)
async def answer_anyway(action: cl.Action) -> None:
    question = str(action.payload["question"])
    await chat.ask_again(question, house=serving.house(), metrics=serving.metrics(), anyway=True)


@cl.action_callback(liking.KEEP)
async def keep_golden(action: cl.Action) -> None:
    reader, language = conversation.reader(), conversation.language()
    if serving.state().door.is_admin(reader):
        house, history = serving.house(), serving.history()
        await liking.keep(action, house=house, history=history, reader=reader, language=language)


@cl.action_callback(fetching.FETCH)
async def fetch_model(action: cl.Action) -> None:
    await fetching.fetch(serving.house(), conversation.language())


@cl.action_callback(uploading.CANCEL)
async def cancel_file(action: cl.Action) -> None:
    await uploading.cancel(action)


@cl.action_callback(uploading.SHARE)
async def share_file(action: cl.Action) -> None:
    await uploading.share(action)


@cl.action_callback(uploading.KEEP)
async def keep_file(action: cl.Action) -> None:
    await uploading.keep(action)


@cl.action_callback(uploading.SHARE_IN)
async def share_file_in(action: cl.Action) -> None:
    await uploading.share_in(action)
