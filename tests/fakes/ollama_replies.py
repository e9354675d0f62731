"""Replies of the fake model: pure functions from the messages of a prompt to the text of an answer.

A token is estimated as up to eight letters of a word with the space before them, or one digit,
one ideograph, one sign, one run of spaces. Against Mistral's own v3 tokenizer that is 0.96 of its
count on English prose and tables, 0.8 on French and Japanese, 0.5 on German: never more, so that
a prompt counted exactly by its sender is not refused by the fake. The same rule counts a prompt
and streams an answer, so `eval_count` is the number of tokens sent, and streaming loses no text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]

EMPTY_PROMPT = "There is nothing in front of me to answer from."
NOT_IN_PASSAGES = "The passages do not say."

_IDEOGRAPH = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_TOKEN = re.compile(rf" ?[{_IDEOGRAPH}]|\d| ?[^\W\d_{_IDEOGRAPH}]{{1,8}}|_| ?[^\w\s]| (?=\d)| +|\s")
_TAGGED = re.compile(
    r"<(?P<tag>[a-z_-]+)\b[^<>]*?\b(?:n|id|nr|no|number|index|ref)\s*=\s*[\"']?\[?(?P<n>\d+)[^<>]*>"
    r"(?P<text>.*?)</(?P=tag)>",
    re.DOTALL | re.IGNORECASE,
)
_MARKED = re.compile(r"^[ \t>*#-]*\[(?P<n>\d+)\][:.)]?[ \t]*", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*(?:```|~~~|</?[a-z_-]+>[ \t]*$|-{3,}|={3,})", re.MULTILINE | re.IGNORECASE)
_LABEL = re.compile(
    r"^[^\w\n]*(?:[\w'-]+ ){0,2}(?:question|query|frage)[^\w\n]*:[^\w\n]*(?P<text>\S.*)$",
    re.MULTILINE | re.IGNORECASE,
)
_QUESTION_TAG = re.compile(r"<question>\s*(?P<text>.+?)\s*</question>", re.DOTALL | re.IGNORECASE)
_SENTENCE_END = re.compile(
    r"(?:(?<=[.!?…])|(?<=[.!?…][\"'»”)\]]))\s+(?=[^\sa-z])|\n\s*\n|\n(?=\s*(?:[-*•|#]|\d+[.)]\s))"
)
_SOURCE_LINE = re.compile(
    r"\A[^\n]{0,150}(?:\.(?:pdf|md|txt|docx?|html?|csv|xlsx?|pptx?|epub|eml)\b|\bp(?:age|\.) ?\d)[^\n]*\n",
    re.I,
)
_WORD = re.compile(r"\w+")
_STOP_WORDS = frozenset(
    "a an and any are as at be by can did do does for from had has have how i if in is it its me my of on "
    "or our so than that the their them there these they this those to was we were what when where which "
    "who whom whose why will with would you your".split()
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A numbered block found in a prompt."""

    number: int
    text: str


def tokenize(text: str) -> list[str]:
    """Cut a text into tokens, by which it is counted and streamed."""
    return _TOKEN.findall(text)


def count_tokens(messages: list[Message]) -> int:
    """Estimate a prompt: its tokens, two for the template around each message, one to begin."""
    return 1 + sum(2 + len(tokenize(text_of(message))) for message in messages)


def text_of(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, list):  # /v1 allows a list of parts
        return "\n".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


# --- reading a prompt ----------------------------------------------------------------------


def find_passages(text: str) -> list[Passage]:
    """Find numbered passages: elements that carry a number, or lines that begin with [n]."""
    tagged = [Passage(int(m["n"]), m["text"].strip()) for m in _TAGGED.finditer(text)]
    if tagged:
        return [passage for passage in tagged if passage.text]
    marks = list(_MARKED.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    passages = [
        Passage(int(mark["n"]), _without_rest(text[mark.end() : end]))
        for mark, end in zip(marks, ends, strict=False)  # without a mark there is no end to pair
    ]
    return [passage for passage in passages if passage.text]


def _without_rest(body: str) -> str:
    """Cut a passage at a fence or at the question's label: the last one has no other end."""
    ends = [m.start() for p in (_FENCE, _LABEL) if (m := p.search(body)) and body[: m.start()].strip()]
    return body[: min(ends, default=len(body))].strip(" \t\r\n`~")


def read_prompt(messages: list[Message]) -> tuple[str, list[Passage]]:
    """Return the question and the passages, wherever in the conversation they are."""
    questions = [text_of(message) for message in messages if message.get("role") == "user"]
    last = questions[-1] if questions else ""
    others = [text_of(m) for m in reversed(messages) if m.get("role") != "assistant"]
    passages = next((found for text in [last, *others] if (found := find_passages(text))), [])
    return find_question(last), passages


def find_question(text: str) -> str:
    """Return the text labelled as the question, or else the last line with a question mark, or all of it."""
    for labelled in (_QUESTION_TAG.search(text), *reversed(list(_LABEL.finditer(text)))):
        if labelled:
            return labelled["text"].strip()
    rest = _TAGGED.sub("\n", text)
    marks = list(_MARKED.finditer(rest))
    if marks:  # keep the text before the passages, and the paragraphs after the last one
        tail = rest[marks[-1].end() :]
        rest = rest[: marks[0].start()] + "\n" + "\n".join(tail.split("\n\n")[1:] or [tail])
    lines = [line.strip() for line in rest.splitlines() if line.strip()]
    asking = [line for line in lines if line.endswith("?")]
    return asking[-1] if asking else "\n".join(lines)


def sentences(text: str) -> list[str]:
    """Cut a passage into sentences and list items on one line each; leave out its file name and code."""
    parts = _SENTENCE_END.split(_SOURCE_LINE.sub("", text))
    cut = (" ".join(part.split()).lstrip("-*•|# ") for part in parts)
    return [sentence for sentence in cut if sentence and not sentence.startswith("```")]


def _stems(text: str) -> set[str]:
    words = {word.lower() for word in _WORD.findall(text)}
    return {word[:6].rstrip("s") if word.isalpha() else word for word in words - _STOP_WORDS}


# --- answering -----------------------------------------------------------------------------


def echo(messages: list[Message]) -> str:
    """Answer with the sentence that shares the most words with the question, and its number.

    Without passages it repeats the question, which is also the right answer to a request to rewrite it.
    """
    question, passages = read_prompt(messages)
    if not passages:
        return question or EMPTY_PROMPT
    if not question:
        return NOT_IN_PASSAGES
    wanted = _stems(question)
    best, cited, shared = "", 0, 0
    for passage in passages:
        for sentence in sentences(passage.text):
            if question in sentence:  # a question without a label runs on from the last passage
                continue
            score = len(wanted & _stems(sentence))
            if score > shared:
                best, cited, shared = sentence, passage.number, score
    return f"{best} [{cited}]" if best else NOT_IN_PASSAGES


_VERB = r"\b(?:say|reply|respond|answer|output|print|write|repeat)\b"
_WORDS = r"(?:[\"“‘«'](?P<quoted>[^\"”’»'\n]+)[\"”’»']|(?P<plain>[^\n]+))"
_INSTRUCTION_WITH_COLON = re.compile(rf"{_VERB}[^:.\n]{{0,40}}:[ \t]*{_WORDS}", re.IGNORECASE)
_INSTRUCTION = re.compile(rf"{_VERB}(?:[ \t]+(?:only|exactly|just|with|this))*[ \t]*:?[ \t]+{_WORDS}", re.I)
_OVERRIDE = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b[^.\n]*\b(?:instruction|prompt|rule|above|previous)\w*", re.I
)
_MARKUP = re.compile(r"!?\[[^\]\n]*\]\([^)\s]+\)|<img\b[^>]*>|<a\b[^>]*>.*?</a>", re.IGNORECASE)
_LEAK = re.compile(r"\b(?:reveal|repeat|print|show|output)\b[^.\n]*\bsystem prompt\b", re.IGNORECASE)


def obedient(messages: list[Message]) -> str:
    """Follow every instruction in the text, include its links and images, and leak the system prompt.

    Instructions are taken from users, tools and passages, never from the system's own rules. Without
    any it answers as `echo` does.
    """
    rules = [text_of(message) for message in messages if message.get("role") == "system"]
    texts = [text_of(message) for message in messages if message.get("role") in ("user", "tool")]
    texts += [passage.text for text in rules for passage in find_passages(text)]
    parts: list[str] = []
    for text in texts:
        parts += _instructed(text)
        parts += [m.group(0) for m in _MARKUP.finditer(text)]
        parts += rules if _LEAK.search(text) else []
    return "\n".join(dict.fromkeys(parts)) or echo(messages)


def _instructed(text: str) -> list[str]:
    """Return the words that a text instructs to say: after any verb of saying that follows an override
    ("ignore the above"), or else after one with a colon."""
    override = _OVERRIDE.search(text)
    matches = (
        _INSTRUCTION.finditer(text, override.end()) if override else _INSTRUCTION_WITH_COLON.finditer(text)
    )
    instructed = [(m["quoted"] or m["plain"] or "").strip() for m in matches]
    return [words for words in instructed if words and "system prompt" not in words.lower()]
