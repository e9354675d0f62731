"""The values from a question to its answer.

AnswerRequest → Passage (retrieved, scored) → Citation → Answer, with its Receipt

A program may ask for the answer in JSON (`JsonFormat`) and lend its own tools (`ClientTools`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from docent.types.document_values import Scope
from docent.types.table_values import ResearchTable, TablePlanned, TableProgress


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk that was retrieved for a question."""

    chunk_id: str
    document_id: str
    file: str
    library: str
    page: int
    page_label: str
    place: str
    heading: str
    header: str
    text: str
    start: int
    end: int
    score: float
    """Orders the passages of one question; not comparable between questions."""
    relevance: float = 0.0
    """0 to 1, calibrated: how likely it is that this passage helps to answer."""
    origin: str = ""
    """The address of a document that a source brought; empty for a file."""

    @property
    def where(self) -> str:
        return f"{self.origin or self.file}, {self.place}"


@dataclass(frozen=True, slots=True)
class Citation:
    """Characters `start:end` of a page's text, quoted in support of an answer."""

    n: int
    chunk_id: str
    document_id: str
    file: str
    library: str
    page: int
    page_label: str
    place: str
    start: int
    end: int
    quote: str
    origin: str = ""
    """The address of a document that a source brought; empty for a file."""

    @property
    def where(self) -> str:
        return f"{self.origin or self.file}, {self.place}"


@dataclass(frozen=True, slots=True)
class Hop:
    """A fact that was found on the way to the answer, because the question describes it; also an event."""

    looked_for: str
    """In the words of the question: "the company that runs the Aarhus internship"."""
    fact: str
    citation: Citation
    """The sentence that says it; its number is 0 until the answer is complete."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A passage that was found and not sent to the model."""

    chunk_id: str
    why: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """The record of how an answer was made."""

    question: str
    searched: str
    """The question as searched; differs from `question` when a follow-up was rewritten."""
    model: str = ""
    """Empty: no language model answered."""
    found: int = 0
    sent: tuple[str, ...] = ()
    """Ids of the chunks the model was shown, in order."""
    dropped: tuple[Dropped, ...] = ()
    history_turns: int = 0
    tokens_budgeted: int = 0
    tokens_counted: int = 0
    """By the model server; 0 when it did not say."""
    tokens_answered: int = 0
    thought: int = 0
    """Characters of the model's thoughts before it answered; they are not shown."""
    cut_short: bool = False
    """The answer reached the longest length allowed."""
    broken_off: str = ""
    """The error that ended the model's answer in its middle; empty for a whole answer."""
    looped: bool = False
    """The model repeated itself and was stopped; the repetition is left out."""
    not_found: bool = False
    """The documents do not answer; the nearest passages are shown, and no model was asked."""
    unsupported: tuple[str, ...] = ()
    """Sentences of the answer that no passage supports."""
    doubtful: tuple[str, ...] = ()
    """Figures and names in the answer that are in no passage."""
    removed: tuple[str, ...] = ()
    """Parts taken out of the answer: unknown citation numbers, links, images."""
    steps: tuple[str, ...] = ()
    """The model's tool calls and their results."""
    not_ready: tuple[str, ...] = ()
    """Documents in scope that were not wholly searchable, with the reason."""
    hops: tuple[Hop, ...] = ()
    """The facts that were found before the question could be searched; none for most questions."""
    notices: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By step: condense, plan, hops, retrieve, budget, first_token, generate, cite, total."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A text, its citations, the passages found for it, and its receipt."""

    text: str
    citations: tuple[Citation, ...]
    passages: tuple[Passage, ...]
    receipt: Receipt
    fields: Mapping[str, Citation | None] | None = None
    """Of an answer in JSON: for each value, by its JSON pointer, the characters that it was taken from;
    None for a value that no passage supports."""
    calls: tuple[ToolCall, ...] = ()
    """Calls of the client's own tools, which the client has to answer."""
    table: ResearchTable | None = None
    """Of a question over many documents; the text shows its first rows, with the same citations."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool, as the model asks for it."""

    name: str
    arguments: Mapping[str, Any]
    id: str = ""


@dataclass(frozen=True, slots=True)
class ToolRound:
    """Calls of the client's tools that the model asked for, and the result of each."""

    text: str
    """What the model wrote before the calls."""
    calls: tuple[ToolCall, ...]
    results: tuple[str, ...]
    """In the order of the calls."""


@dataclass(frozen=True, slots=True)
class ClientTools:
    """The tools that a client lends for its question, and what came of them so far."""

    schemas: tuple[Mapping[str, Any], ...]
    choice: str | Mapping[str, Any] = "auto"
    """As in OpenAI's protocol: auto, none, required, or one function."""
    parallel: bool = True
    """False: at most one call at a time."""
    rounds: tuple[ToolRound, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        return frozenset(str(schema["function"]["name"]) for schema in self.schemas)


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """The form of an answer in JSON: one of a JSON schema, or any object."""

    schema: Mapping[str, Any] | None = None
    """Checked, and without references; None: any object."""
    name: str = "answer"
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and its answer, earlier in the conversation."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Preferences:
    """A person's wishes for answers, where they differ from the persona and the settings."""

    model: str = ""
    """Another model of the same server; empty: none."""
    temperature: float | None = None
    answer_tokens: int | None = None
    """The longest answer."""
    passages: int | None = None
    """The most passages that the model is shown."""
    instructions: str = ""
    """Further instructions, below the rules that hold for all: a tone, a form, a role."""


NO_PREFERENCES = Preferences()


@dataclass(frozen=True, slots=True)
class ToolProposal:
    """A call of another server's tool that may change something, for a person to allow."""

    server: str
    tool: str
    title: str
    arguments: Mapping[str, Any]


AskConsent = Callable[[ToolProposal], Awaitable[bool]]
"""Asks the person whether a tool may be called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRequest:
    """A question, with everything that its asker decides about the answer."""

    question: str
    scope: Scope
    history: Sequence[Turn] = ()
    persona: str = ""
    """A key of personas.toml; its library is searched unless the scope names one."""
    preferences: Preferences = NO_PREFERENCES
    """They precede the persona, which precedes the settings."""
    use_model: bool = True
    """False: the best sentences of the passages are the answer."""
    at_hand: tuple[str, ...] = ()
    """Ids of the documents that "this" and "the report" mean; empty: the only one or two in scope."""
    anyway: bool = False
    """Let the model answer from its own knowledge what the documents do not answer."""
    json_format: JsonFormat | None = None
    """Answer in JSON, each value with its citation."""
    client_tools: ClientTools | None = None
    ask_consent: AskConsent | None = None
    """None: tools of other servers that may change something are not called."""
    table_id: str = ""
    """Go on with this table of the same reader, which was cancelled or stopped; the question is its own."""
    after_table: str = ""
    """The table that was answered before; the question may change it: "only the remote ones"."""


@dataclass(frozen=True, slots=True)
class Searching:
    """The question is being searched as `searched`."""

    searched: str


@dataclass(frozen=True, slots=True)
class PassagesFound:
    """The search is done."""

    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class StepProgress:
    """A long step (pulling a model, reading every chunk of a document) got this far."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Preview:
    """A text to be shown until the answer's own begins: a document's key sentences while a model reads it."""

    text: str


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer's text, already filtered, to be shown as it comes."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader should know: a sentence with what, why and what to do."""

    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The last event. `answer.text` replaces what the tokens showed: it is the cited form."""

    answer: Answer


Event = (
    Searching
    | PassagesFound
    | Hop
    | StepProgress
    | Preview
    | Token
    | Notice
    | TablePlanned
    | TableProgress
    | Answered
)
