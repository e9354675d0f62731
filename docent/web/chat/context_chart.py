"""The chart of a receipt: how much of the model's context an answer used."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from docent.types import Receipt
from docent.web.i18n import say

ADDRESS = "/charts/context.svg"
WIDTH, HEIGHT = 320, 12
SENT, ANSWERED, FREE = "#17869b", "#d08a00", "#8a8f98"
"""Readable on a light and on a dark page, which a picture cannot tell apart."""
LEAST = 2.0
"""Pixels of a share that is not zero."""


def routes() -> list[Route]:
    return [Route(ADDRESS, show_chart)]


def context_chart(receipt: Receipt, *, context_tokens: int, language: str | None) -> str:
    """Return the chart with its caption as Markdown; "" where no model was asked."""
    sent, answered = receipt.tokens_counted or receipt.tokens_budgeted, receipt.tokens_answered
    if not receipt.model or not sent:
        return ""
    caption = say(
        "The model's context, from the left: {sent:,} tokens sent, {answered:,} answered, of {context:,}",
        language,
        sent=sent,
        answered=answered,
        context=context_tokens,
    )
    address = f"{ADDRESS}?sent={sent}&answered={answered}&context={context_tokens}"
    return f"![]({address})\n\n{caption}"


def context_svg(sent: int, answered: int, context: int) -> str:
    """Return the shares sent, answered and free as a bar, to scale; what overflows is cut off."""
    first = min(max(WIDTH * sent / context, LEAST if sent else 0), WIDTH)
    second = min(max(WIDTH * answered / context, LEAST if answered else 0), WIDTH - first)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}"'
        f' viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="3" fill="{FREE}" fill-opacity="0.35"/>'
        f'<rect width="{first:.1f}" height="{HEIGHT}" rx="3" fill="{SENT}"/>'
        f'<rect x="{first:.1f}" width="{second:.1f}" height="{HEIGHT}" rx="3" fill="{ANSWERED}"/>'
        "</svg>"
    )


async def show_chart(request: Request) -> Response:
    """Return the chart of the numbers in the address, which say nothing about anybody."""
    numbers = [request.query_params.get(name, "") for name in ("sent", "answered", "context")]
    if not all(number.isascii() and number.isdigit() and len(number) < 10 for number in numbers):
        return Response(status_code=404)
    sent, answered, context = map(int, numbers)
    return Response(
        context_svg(sent, answered, max(context, 1)),
        media_type="image/svg+xml",
        headers={"Cache-Control": "max-age=86400"},
    )
