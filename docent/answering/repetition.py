"""Noticing a model that repeats itself while it writes, and cutting what it repeats.

Small models fall into loops that last until the longest answer allowed. Words are compared, not meanings: a
table whose rows share words, and a list whose lines begin alike, have words of their own in each row.
"""

from __future__ import annotations

import re

TOKEN = re.compile(
    r"\[\d{1,3}\]|(?:(?<=\n)|\A)[ \t]*\d{1,3}[.)](?=\s)"
    r"|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]{1,16}"
)
"""A word, a figure, or a sign of a script without spaces; the numbers of citations and of a list's lines are
passed over."""
SENTENCE_END = re.compile(r"[.!?;:…。！？]|\n")

LONGEST_PERIOD = 160
"""Tokens: a paragraph."""
LEAST_SENTENCE = 4
"""Tokens. A shorter line may well stand three times in a list."""
LEAST_REPEATED = 24
"""Tokens in which nothing is new, where no whole sentence comes round: about 40 of a model's."""
LEAST_IN_TABLE = 72
"""The same in a row of a table, which may have twenty columns of the same figure."""
LEAST_COUNTED = 72
"""Figures of which each follows from those before it, as 1990, 1991, 1992."""
WINDOW = 120
SPAN = 5
LEAST_NEW = 0.1
"""Share of the runs of SPAN tokens in the last WINDOW that are new: the same few phrases in another order."""
LONGEST_WITHOUT_WORD = 600
"""Characters without letter or digit; the rule below a wide table's head has some 200."""


class RepetitionDetector:
    """Reads a text as it is written; `cut` says how much of it to keep once it only repeats itself."""

    def __init__(self) -> None:
        self.cut: int | None = None
        """Characters of the text before the repetition; None while there is none."""
        self.whole = True
        """Whether the text ends with a sentence or a line where it is cut."""
        self._text = ""
        self._read = 0
        self._tokens: list[str] = []
        self._ends: list[int] = []
        """Where each token ends in the text."""
        self._closes: list[bool] = []
        """Whether a sentence or line ends right after the token."""
        self._same = [0] * (LONGEST_PERIOD + 1)
        """For each period, how many tokens at the end equal those one period before."""
        self._steps = [0] * (LONGEST_PERIOD + 1)
        """The same, where there are only figures and these count on by a fixed step."""
        self._spans: set[tuple[str, ...]] = set()
        self._new: list[bool] = []

    def push(self, text: str, *, final: bool = False) -> bool:
        """Add text; return whether the whole of it repeats itself. The last word waits for its end."""
        self._text += text
        while self.cut is None and (match := TOKEN.search(self._text, self._read)):
            if match.end() + 1 >= len(self._text) and not final:
                break
            if self._tokens and SENTENCE_END.search(self._text, self._read, match.start()):
                self._closes[-1] = True
                self._judge()
            self._read = match.end()
            if match[0][-1] not in "].)":
                self._add(match[0].casefold(), match.end())
                self._judge()
        if self.cut is None and self._silent():
            self._cut_after(len(self._tokens) - 1, 1)
        return self.cut is not None

    def _silent(self) -> bool:
        return len(self._text) - self._read > LONGEST_WITHOUT_WORD

    def _add(self, token: str, end: int) -> None:
        at = len(self._tokens)
        self._tokens.append(token)
        self._ends.append(end)
        self._closes.append(False)
        for period in range(1, min(LONGEST_PERIOD, at) + 1):
            before = self._tokens[at - period]
            same = token == before
            self._same[period] = self._same[period] + 1 if same else 0
            if not same:
                same = at >= 2 * period and _counts_on(self._tokens[at - 2 * period], before, token)
            elif not token.isdecimal():
                same = False  # the same word, with figures that count on beside it: rows of a table
            self._steps[period] = self._steps[period] + 1 if same else 0
        span = tuple(self._tokens[-SPAN:])
        self._new.append(span not in self._spans)
        self._spans.add(span)

    def _judge(self) -> None:
        for period in range(1, min(LONGEST_PERIOD, len(self._tokens) - 1) + 1):
            repeated = self._same[period]
            if repeated >= 2 * period and self._is_loop(period, repeated + period):
                self._cut_after(len(self._tokens) - repeated - 1, period)
                return
            counted = self._steps[period]
            if counted >= 2 * period and counted + 2 * period >= LEAST_COUNTED:
                self._cut_after(len(self._tokens) - counted - 1, period)
                return
            if repeated >= 2 * period:
                return  # a longer period would only be several of this one
        if len(self._new) > 2 * WINDOW and sum(self._new[-WINDOW:]) < LEAST_NEW * WINDOW:
            self._cut_after(len(self._tokens) - WINDOW, WINDOW)

    def _is_loop(self, period: int, length: int) -> bool:
        """Tell a loop of `length` tokens from words that may stand three times in a row."""
        in_table = self._text.startswith("|", self._text.rfind("\n", 0, self._ends[-1]) + 1)
        if length >= max(LEAST_IN_TABLE if in_table else LEAST_REPEATED, 3 * period):
            return True
        return self._closes[-1] and period >= LEAST_SENTENCE and not in_table

    def _cut_after(self, last: int, period: int) -> None:
        """Keep the text up to token `last`, or to the end of the sentence in which it stands."""
        if last < 0:
            self.cut = 0
            return
        closed = next(
            (at for at in range(last, min(last + period, len(self._closes))) if self._closes[at]), None
        )
        self.whole = closed is not None
        at = last if closed is None else closed
        end = self._ends[at]
        following = TOKEN.search(self._text, end)
        while following and following[0][-1] == "]":  # the citation of the sentence that stays
            end = following.end()
            following = TOKEN.search(self._text, end)
        rest = self._text[end : following.start() if following else len(self._text)]
        self.cut = end + len(rest) - len(rest.lstrip(".!?…。！？)]*_\"'”»"))


def _counts_on(first: str, second: str, third: str) -> bool:
    return (
        first.isdecimal()
        and second.isdecimal()
        and third.isdecimal()
        and int(third) - int(second) == int(second) - int(first)
    )
