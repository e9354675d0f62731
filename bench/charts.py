"""Draw charts as SVG text: bars side by side, and lines over a growing size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

WIDTH, LINE, LEFT, RIGHT = 760, 28, 280, 110
COLOURS = ("#2f6f9f", "#b5652b", "#5b8c5a", "#8a5a9e")
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#333}.title{font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}}"
)


def bars(
    title: str, values: Mapping[str, float], *, unit: str, rivals: tuple[str, ...] = (), mark: float = 0.0
) -> str:
    """Return one bar for each name, with its value.

    Names that begin like one of `rivals` have another colour; `mark` is a line across all bars.
    """
    most = max([*values.values(), mark]) or 1.0
    return _svg(title, 44 + LINE * len(values), _bars(values, most, unit, rivals, mark))


def _bars(
    values: Mapping[str, float], most: float, unit: str, rivals: tuple[str, ...], mark: float
) -> Iterator[str]:
    for at, (name, value) in enumerate(values.items()):
        y = 38 + at * LINE
        wide = (WIDTH - LEFT - RIGHT) * value / most
        colour = COLOURS[1 if name.startswith(rivals) else 0]
        yield f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
        yield f'<rect x="{LEFT}" y="{y}" width="{wide:.1f}" height="18" fill="{colour}"/>'
        yield f'<text x="{LEFT + wide + 6:.1f}" y="{y + 14}">{rounded(value)} {escape(unit)}</text>'
    if mark:
        x = LEFT + (WIDTH - LEFT - RIGHT) * mark / most
        yield f'<path d="M{x:.1f} 34V{38 + LINE * len(values)}" stroke="#777" stroke-dasharray="3 3"/>'


def lines(title: str, sizes: Sequence[float], series: Mapping[str, Sequence[float]], *, unit: str) -> str:
    """Return one line for each series, over the logarithm of the sizes; values start at zero."""
    return _svg(title, 320, _lines(sizes, series, unit))


def _lines(sizes: Sequence[float], series: Mapping[str, Sequence[float]], unit: str) -> Iterator[str]:
    left, top, right, bottom = 70, 50, WIDTH - 170, 280
    most = max(max(values) for values in series.values()) or 1.0
    low, high = math.log10(min(sizes)), math.log10(max(sizes))

    def point(size: float, value: float) -> tuple[float, float]:
        across = (math.log10(size) - low) / (high - low) if high > low else 0.5
        return left + across * (right - left), bottom - (bottom - top) * value / most

    for part in (0.0, 0.5, 1.0):
        y = bottom - (bottom - top) * part
        yield f'<path d="M{left} {y:.1f}H{right}" stroke="#999" stroke-width=".5"/>'
        value = f"{rounded(most * part)} {escape(unit)}"
        yield f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
    for size in sizes:
        yield f'<text x="{point(size, 0)[0]:.1f}" y="{bottom + 20}" text-anchor="middle">{size:,.0f}</text>'
    for at, (name, values) in enumerate(series.items()):
        colour = COLOURS[at % len(COLOURS)]
        points = [point(size, value) for size, value in zip(sizes, values, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
        yield f'<path d="M{right + 16} {top + 10 + at * 22}h18" stroke="{colour}" stroke-width="2"/>'
        yield f'<text x="{right + 40}" y="{top + 14 + at * 22}">{escape(name)}</text>'


def rounded(value: float) -> str:
    """Return a value with about three digits."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _svg(title: str, height: int, parts: Iterator[str]) -> str:
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}" width="{WIDTH}">'
    )
    heading = f'<text class="title" x="10" y="22">{escape(title)}</text>'
    return "\n".join([opening, f"<style>{STYLE}</style>", heading, *parts, "</svg>\n"])
