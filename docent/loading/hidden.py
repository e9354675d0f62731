"""Characters that take no room: a reader never sees them, a model would."""

from __future__ import annotations

import re

# Zero-width space, word joiner and friends, direction overrides, soft hyphen, the invisible tag
# characters that spell ASCII, and variation-selector runs. Joiners (200C, 200D) stay: emoji,
# Persian and Indic words need them.
ZERO_WIDTH = re.compile(
    "[\u00ad\u180e\u200b\u2060-\u2064\u2066-\u206f\u202a-\u202e\ufeff\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
TAGS = range(0xE0020, 0xE007F)


def split_hidden(text: str) -> tuple[str, str]:
    """The text without its invisible characters, and what those spelt (or how many there were)."""
    found = () if text.isascii() else ZERO_WIDTH.findall(text)
    if not found:
        return text, ""
    spelt = "".join(chr(ord(char) - 0xE0000) for char in found if ord(char) in TAGS)
    # Layout marks (soft hyphens, byte-order marks) are removed without alarm.
    telling = sum(char not in "\u00ad\ufeff" for char in found)
    report = spelt or (f"[{telling} zero-width characters]" if telling else "")
    return ZERO_WIDTH.sub("", text), report
