"""The chat in the browser: receive, answer, show. `make run`, or `chainlit run app.py -w`."""

import chainlit as cl

from docent.web import chat, serving

serving.prepare()


@cl.on_app_startup
async def open_doors() -> None:
    serving.open_doors()


@cl.on_app_shutdown
async def close_doors() -> None:
    serving.close_doors()


@cl.set_starters
async def starters(user: cl.User | None, language: str | None = None) -> list[cl.Starter]:
    return chat.starters(serving.house())


@cl.on_message
async def answer(message: cl.Message) -> None:
    await chat.reply(message.content, house=serving.house(), link=serving.link)
