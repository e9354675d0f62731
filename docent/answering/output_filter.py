"""The filter on a model's words: no images, no HTML, no links but those that cited passages name.

A page that loads an image or opens a link sends the address to its server, and a document that makes a
model write one could carry text away. The chat's Content-Security-Policy stops foreign images alone; an
image from Docent's own address, a link, and the page of an API client are stopped here.

The stream is read unit by unit (a word, a bracket, a tag), and a unit is passed only when nothing that
follows could change what it is: however the stream is cut into tokens, the same text comes out. A space
goes between two units that would together make more than they are.

The passages that an answer cites are known when it is whole. Until then an address that some passage names
is shown in full, but unlinked: a hair space keeps the page from making a link of it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from docent.messages import Message

LONGEST_LABEL = 300
LONGEST_TARGET = 1000
LONGEST_TAG = 300
LONGEST_WORD = 400
"""A longer unit is none, and is passed in pieces."""

REMOVED = "(link removed)"

ADDRESS = re.compile(
    r"""(?:[a-z][a-z0-9+.-]*:)?//(?:[\w-]+\.[\w.-]+|\[[0-9a-f:.]+\]|localhost)[^\s<>"'`|]*"""
    r"""|[a-z][a-z0-9+.-]*://[^\s<>"'`|]+"""
    r"""|www\.[^\s<>"'`|]+"""
    r"""|(?:javascript|vbscript|mailto|file|blob):[^\s<>"'`|]+"""
    r"""|data:[a-z]+/[^\s<>"'`|]*"""
    r"""|[\w.+-]+@[\w-]+\.[\w.-]*\w""",
    re.IGNORECASE,
)
NAMES_ONE = re.compile(r"//|[wW]{3}\.|@|(?<=[a-zA-Z]):(?=\S)")
"""A sign that every address has: most passages have none, and looking for ADDRESS takes ten times as long."""
HAIR_SPACE = "\u200a"
LINKED_BY = re.compile(r"//|(?<![/\w])www(?=\.)|(?=@)", re.IGNORECASE)
"""The place after which a space makes an address none for the page."""
UNLINKED = re.compile(rf"[^\s<>\"'`|]*(?:{HAIR_SPACE}[^\s<>\"'`|]*)+")
OPENS = re.compile(r"\](?=[(:])")
"""The sign that makes a link or a definition of the brackets before it, however far back they opened."""
TRAILING = ".,;:!?)*_~]}"
NUMBERS = re.compile(r"\s*\d{1,3}(?:\s*,\s*\d{1,3})*\s*")
WORD_END = re.compile(r"[\s\[<]|!(?=\[)")
BLANK = re.compile(r"[ \t\r\n\f\v]+")
BLANK_LINE = re.compile(r"\n[ \t]*\n")
IDEOGRAPH = re.compile(r"[\u3000-\u30ff\u3400-\u9fff\uac00-\ud7af\uff01-\uff60]")
ADDRESS_SIGN = re.compile(r"[:/.&\\@]")
SEAM = re.compile(r"<[a-zA-Z/!?]|!\[|\][(:]")
"""Two signs that may not meet: they begin a tag, an image or the target of a link."""
SPACE = re.compile(r"\s")
OWN_NUMBER = re.compile(r"\[(?=\d)")
ESCAPED = re.compile(r"\\(?=[!-/:-@\[-`{-~])")

THOUGHT = ("<think>", "</think>")

TAGS = """a abbr address area article aside audio b base bdi bdo big blockquote body br button canvas
    caption center cite code col dd del details dialog div dl dt em embed fieldset figcaption figure font
    footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins kbd label
    legend li link main map mark math menu meta meter nav noscript object ol optgroup option p param
    picture pre progress q s samp script section select small source span strike strong style sub summary
    sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul var video
    wbr""".split()
ATTRIBUTE = r"""\s*[\w:@.-]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?"""
TAG = re.compile(rf"</?(?:{'|'.join(TAGS)})(?:[\s/]{ATTRIBUTE})*\s*/?>", re.IGNORECASE)
BREAKS = re.compile(r"</?(?:br|p|div|li|tr|h[1-6])\b", re.IGNORECASE)
AUTOLINK = re.compile(r"<[a-z][a-z0-9+.-]*:[^\s<>]*>|<[^\s<>@]+@[^\s<>]+>", re.IGNORECASE)


def addresses(texts: Iterable[str]) -> frozenset[str]:
    """Return every address in the texts, in the form in which they are compared."""
    naming = (text for text in texts if NAMES_ONE.search(text))
    return frozenset(_compared(match[0]) for text in naming for match in ADDRESS.finditer(text))


def unlink(address: str) -> str:
    """Return the address in full, in a form of which no page makes a link."""
    return LINKED_BY.sub(lambda sign: sign[0] + HAIR_SPACE, address)


def relink(text: str, known: frozenset[str]) -> str:
    """Return the text of a whole answer, with the addresses that cited passages name linked again."""
    return UNLINKED.sub(lambda word: _relinked(word[0], known), text)


def _relinked(word: str, known: frozenset[str]) -> str:
    whole = word.replace(HAIR_SPACE, "")
    allowed = [_compared(address[0]) in known for address in ADDRESS.finditer(whole)]
    return whole if allowed and all(allowed) else word


def break_links(text: str) -> str:
    """Return the text with no bracket that leads anywhere."""
    return OPENS.sub("] ", text)


class OutputFilter:
    """Passes on a stream, without what may not be shown."""

    def __init__(self, *, passages: int, known: frozenset[str]) -> None:
        self._passages = passages
        self._known = known
        self._waiting = ""
        self._word_so_far = ""
        self._thinking = False
        self.removed: list[str] = []
        """The parts taken out, in order."""
        self.thought = 0
        """Characters between <think> and </think>."""

    def push(self, text: str) -> str:
        """Add text; return what may be shown now. The rest waits until it is clear what it is."""
        self._waiting += text
        return self._settle(final=False)

    def close(self) -> str:
        """Return the rest, when nothing more comes."""
        return self._settle(final=True)

    def _settle(self, *, final: bool) -> str:
        shown: list[str] = []
        at = 0
        while at < len(self._waiting):
            unit = self._thought(at, final) if self._thinking else self._unit(self._waiting, at, final)
            if unit is None:
                break
            text, used = unit
            shown.append(self._separated(text))
            at += used
        self._waiting = self._waiting[at:]
        return "".join(shown)

    def _separated(self, text: str) -> str:
        """Return the text, after a space where it would join with the text before it.

        What was between them was taken out, or only the label of a link was left of it.
        """
        if self._word_so_far and _join(self._word_so_far, text):
            text = f" {text}"
        self._word_so_far = SPACE.split(self._word_so_far + text)[-1][-LONGEST_WORD:]
        return text

    def _unit(self, text: str, at: int, final: bool) -> tuple[str, int] | None:
        """Return what the characters at `at` become, and their number; None if more must come first."""
        sign = text[at]
        if sign == "[":
            return self._bracket(text, at, final)
        if sign == "<":
            return self._angle(text, at, final)
        if sign == "!" and text.startswith("[", at + 1):
            return self._image(text, at, final)
        if sign.isspace() or IDEOGRAPH.match(sign):
            return sign, 1
        return self._word(text, at, final)

    def _thought(self, at: int, final: bool) -> tuple[str, int] | None:
        """Take out the model's thoughts."""
        end = self._waiting.find(THOUGHT[1], at)
        if end >= 0:
            self._thinking = False
            self.thought += end - at
            return "", end + len(THOUGHT[1]) - at
        if not final:
            return None
        self.thought += len(self._waiting) - at
        return "", len(self._waiting) - at

    def _image(self, text: str, at: int, final: bool) -> tuple[str, int] | None:
        """Take out the beginning of an image, unless a number follows: "Yes![1]"."""
        if at + 2 == len(text) and not final:
            return None
        if text[at + 2 : at + 3].isdigit():
            return "! ", 1
        self.removed.append("an image")
        return "", 1

    def _bracket(self, text: str, at: int, final: bool) -> tuple[str, int] | None:
        end = _closing(text, at, "[]", LONGEST_LABEL)
        if end is None:
            return "[", 1
        if end == len(text) or end + 1 == len(text):
            if not final:
                return None
            if end == len(text):
                return "[", 1
        label = text[at + 1 : end]
        follows = text[end + 1 : end + 2]
        if follows == "(":
            close = _closing(text, end + 1, "()", LONGEST_TARGET)
            if close == len(text) and not final:
                return None
            if close is not None and close < len(text):
                return self._link(label, text[end + 2 : close]), close + 1 - at
        if NUMBERS.fullmatch(label):
            return self._numbers(label) + (" " if follows == ":" else ""), end + 1 - at
        # Without its space, "[x]: address" would define what "[x]" leads to.
        return ("(" + self._inner(label) + ") ", end + 1 - at) if follows == ":" else ("[", 1)

    def _link(self, label: str, target: str) -> str:
        address = target.strip().split()[0].strip("<>") if target.strip() else ""
        shown = self._numbers(label) if NUMBERS.fullmatch(label) else self._inner(label)
        if self._may_lead(address):
            return unlink(address) if shown == unlink(address) else f"{shown} ({unlink(address)})"
        self.removed.append(address or "an empty link")
        return shown

    def _numbers(self, label: str) -> str:
        """Return a citation without the numbers of no passage."""
        numbers = [int(number) for number in label.split(",")]
        known = [number for number in numbers if 1 <= number <= self._passages]
        self.removed += [f"[{number}]" for number in numbers if number not in known]
        return "".join(f"[{number}]" for number in known)

    def _inner(self, label: str) -> str:
        inner = OutputFilter(passages=self._passages, known=self._known)
        shown = inner.push(label) + inner.close()
        self.removed += inner.removed
        return shown

    def _angle(self, text: str, at: int, final: bool) -> tuple[str, int] | None:
        if at + 1 == len(text):
            return ("<", 1) if final else None
        if not re.match(r"[A-Za-z/!?]", text[at + 1]):
            return "<", 1
        end = text.find(">", at, at + LONGEST_TAG)
        if end < 0:
            return None if len(text) - at < LONGEST_TAG and not final else ("< ", 1)
        whole = text[at : end + 1]
        if whole == THOUGHT[0]:
            self._thinking = True
            return "", len(whole)
        if TAG.fullmatch(whole):
            self.removed.append(whole)
            # Never nothing: the text on both sides of a tag may not join to an address.
            return "\n" if BREAKS.match(whole) else " ", len(whole)
        if AUTOLINK.fullmatch(whole):
            if self._may_lead(whole[1:-1]):
                return unlink(whole[1:-1]), len(whole)
            self.removed.append(whole[1:-1])
            return REMOVED, len(whole)
        return "< ", 1  # a space makes it a sign that opens nothing

    def _word(self, text: str, at: int, final: bool) -> tuple[str, int] | None:
        end = WORD_END.search(text, at + 1, at + LONGEST_WORD + 1)
        stop = end.start() if end else None
        script = IDEOGRAPH.search(text, at + 1, stop or at + LONGEST_WORD)
        if script and not ADDRESS_SIGN.search(text, at, script.start()):
            return break_links(text[at : script.start()]), script.start() - at  # these scripts put no spaces
        if stop is None:
            if len(text) - at > LONGEST_WORD:
                return self._scrubbed(text[at : at + LONGEST_WORD]) + " ", LONGEST_WORD
            if not final:
                return None
            stop = len(text)
        return self._scrubbed(text[at:stop]), stop - at

    def _scrubbed(self, word: str) -> str:
        if not ADDRESS_SIGN.search(word):
            return break_links(word)
        meant = ESCAPED.sub("", html.unescape(word))
        if meant != word and ADDRESS.search(meant):  # an address in disguise is not meant to be read
            self.removed.append(meant)
            return REMOVED
        return break_links(ADDRESS.sub(self._address, word))

    def _address(self, match: re.Match[str]) -> str:
        if self._may_lead(match[0]):
            return unlink(match[0])
        body = match[0].rstrip(TRAILING)
        self.removed.append(body)
        return REMOVED + match[0][len(body) :]

    def _may_lead(self, address: str) -> bool:
        meant = ESCAPED.sub("", html.unescape(address))
        return meant == address and _compared(address) in self._known


def _join(before: str, text: str) -> bool:
    """Tell whether two pieces together begin an image, a link or a tag, or are an address."""
    if not text or text[0].isspace():
        return False
    if SEAM.search(before[-1] + text[0]):
        return True
    both = ESCAPED.sub("", html.unescape(before + text))
    return bool(NAMES_ONE.search(both) and ADDRESS.search(both))


def clean(text: str, *, passages: int, known: frozenset[str]) -> str:
    """Filter a whole text."""
    inner = OutputFilter(passages=passages, known=known)
    return inner.push(text) + inner.close()


def display_quote(text: str) -> str:
    """Return a document's own words on one line of our text: its addresses stay, its images do not."""
    own = addresses([text])
    return without_numbers(" ".join(relink(clean(text, passages=999, known=own), own).split()))


def without_numbers(text: str) -> str:
    """Return the text with its own numbers in brackets ("as shown in [57]") made different from citations."""
    return OWN_NUMBER.sub(f"[{HAIR_SPACE}", text)


def display_name(text: str) -> str:
    """Return a file's name or a model's query on one line of our text: in full, and without links."""
    if isinstance(text, Message) and text.parameters:
        return Message(
            text.template,
            **{
                name: display_name(value) if isinstance(value, str) else value
                for name, value in text.parameters.items()
            },
        )
    shown = BLANK.sub(" ", clean(text, passages=999, known=addresses([text]))).strip(" ")
    return text if text == shown else shown  # a message stays one, and can be translated


def _closing(text: str, at: int, pair: str, longest: int) -> int | None:
    """Return where the bracket at `at` closes; the text's length: not yet; None: not within `longest`."""
    depth = 0
    limit = min(len(text), at + longest)
    index = at
    while index < limit:
        sign = text[index]
        if sign == "\\":
            index += 1
        elif sign == "\n" and BLANK_LINE.match(text, index):
            return None
        elif sign == pair[0]:
            depth += 1
        elif sign == pair[1]:
            depth -= 1
            if not depth:
                return index
        index += 1
    return len(text) if len(text) < at + longest else None


def _compared(address: str) -> str:
    scheme, sign, rest = address.rstrip(TRAILING + "/").rpartition("//")
    host, slash, path = rest.partition("/")
    return f"{scheme.lower()}{sign}{host.lower()}{slash}{path}"
