"""What documents and people write is data: it is quoted to the model, and can neither end its quotation
nor speak in the model server's own signs."""

from __future__ import annotations

import re

INVISIBLE = re.compile(
    "[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)
"""Characters that a reader does not see: letters hidden among them would speak to the model alone."""

CONTROL = re.compile(
    r"\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|CALL_ID|ARGS|"
    r"THINK|IMG|IMG_BREAK|IMG_END|PREFIX|MIDDLE|SUFFIX)\])"
    r"|<(?=/?s>|/?<SYS>|<SYS>>|\|[\w ./-]{1,40}\|>|(?:start|end)_of_turn>|(?:bos|eos|pad|unk)>|"
    r"/?think>|｜[^<>]{1,40}｜>)",
    re.IGNORECASE,
)
"""Where a sign of some model's chat template begins: servers read them even inside a message."""

FENCE = re.compile(r"<(?=\s*/?\s*(?:passage|question|notes|rows)\b)", re.IGNORECASE)


def tamed(text: str) -> str:
    """The text as it may be quoted: visible characters, no template signs, no end of its own fence."""
    visible = INVISIBLE.sub("", text)
    return FENCE.sub("< ", CONTROL.sub(lambda sign: f"{sign[0]} ", visible)).replace("< <", "< ")


def hidden(text: str) -> int:
    """How many characters a reader does not see."""
    return len(INVISIBLE.findall(text))
