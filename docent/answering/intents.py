"""The kinds of request: a question, a greeting, a document to be read whole, a list of documents.

They are told apart by words alone, at no cost; whatever is not clearly another kind is a question.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from docent.answering.citing.vocabulary import content_words, fold
from docent.answering.summary_requests import WholeKind, may_want_whole, whole_request
from docent.types import StoredDocument


@dataclass(frozen=True, slots=True)
class Intent:
    """The kind of a request, with the documents or the words that it names."""

    kind: Literal["greeting", "thanks", "about", "mentions", "anyway"] | WholeKind
    term: str = ""
    """Of `mentions`: the words to look for; of `anyway`: the question, if it is in the same line."""
    documents: tuple[StoredDocument, ...] = ()
    """Of `summary` and `whole`: the documents to read from beginning to end."""


QUESTION = Intent("question")

GREETING = re.compile(
    r"(hi|hello|hey|hiya|greetings|good (morning|afternoon|evening|day)|bonjour|salut|bonsoir|hallo|guten "
    r"(morgen|tag|abend)|moin|servus|hola|buen(os|as) (dias|tardes|noches)|ciao|buongiorno|ola|hej)"
    r"( (there|docent|all|everyone|again|you|team))*"
)
THANKS = re.compile(
    r"((many |ok |okay |great |perfect )*(thanks|thank you|thx|cheers|merci|danke|gracias|grazie|obrigad[oa]"
    r"|bye|goodbye|see you|tschuss|au revoir|adios)"
    r"( (so much|very much|a lot|again|for your help|beaucoup|schon|vielmals|docent|you))*)"
)
ABOUT = re.compile(
    r"(help|what can you (do|help( me)? with)|what do you (do|know)( about)?|who are you|what are you"
    r"|how do you work|what (documents|files|libraries)( do you (have|know)| are there)?"
    r"|(which|what) (documents|files|libraries) (do you (have|know)|are there|can you (see|read|search))"
    r"|what('s| is) in (my|the|your) (documents|files|library|libraries)|(list|show)( me)?( all)? "
    r"(the|my|your) (documents|files|libraries)|was kannst du|wer bist du|que (peux|sais) tu( faire)?"
    r"|qui es tu|que puedes hacer|quien eres)"
)
DOCUMENTS = (
    r"(?:documents?|files?|pdfs?|pages?|papers?|reports?|contracts?|dokumente?|dateien|fichiers?|documentos?)"
)
MENTION = (
    r"(?:mentions?|mentioning|contains?|containing|talks? about|talking about|refers? to|referring to"
    r"|speaks? of|names?|includes?|says?|cites?|erwahnen|enthalten|mentionnent|contiennent|parlent de"
    r"|mencionan|contienen)"
)
MENTIONS = re.compile(
    rf"(?:(?:list|show|find|name|give|tell|zeige|liste|lister?|trouve|montre|lista|welche|quels|que)\b[^.?!]*?"
    rf"|which |what |how many |in which |combien de |wie viele )(?:me )?(?:all |every |each |of )*(?:the |my "
    rf"|tous les |alle )*{DOCUMENTS}\s*(?:that |which |where |in which |who |die |qui |que )?(?:do |does )?"
    rf"{MENTION}\s+"
    r"(?P<term>[^?!]+?)\s*[?.!]*"
)
ANYWAY = re.compile(
    r"(please )?(just )?answer( it| me| that)? anyway( please)?|trotzdem( antworten)?|reponds quand meme"
)
ANYWAY_ASKED = re.compile(rf"\s*({ANYWAY.pattern})\s*[:,]\s*(?P<question>.*\w.*)", re.DOTALL)
"""In one line, for the command line, which has no conversation."""

REFERRING = re.compile(
    r"\b(it|its|they|them|their|theirs|he|him|his|she|her|hers|this|that|these|those|there|one|ones|same|former"
    r"|latter|above|previous|first|second|third|other|others|else|more|il|elle|ils|elles|cela|ceci|celui|celle|y|en"
    r"|er|sie|es|ihn|ihm|dort|damit|dessen|deren|ello|esto|eso|ella|ellos)\b"
)
LEADING = re.compile(
    r"(and|but|or|so|what about|how about|why|also|then|et|mais|und|aber|warum|pourquoi|y|pero)\b"
)
LEADING_NOUN = re.compile(r"^(the (word|words|name|term) )")


def intent_of(question: str, documents: Sequence[StoredDocument], *, at_hand: Collection[str] = ()) -> Intent:
    """Return the kind of request, given the documents that it may name.

    `at_hand` holds the ids of the documents that "this" means; without any, it means the only one or two.
    """
    text = fold(question)
    bare = " ".join(re.sub(r"[^\w' ]+", " ", text).split())
    if GREETING.fullmatch(bare):
        return Intent("greeting")
    if THANKS.fullmatch(bare):
        return Intent("thanks")
    if ANYWAY.fullmatch(bare):
        return Intent("anyway")
    if match := ANYWAY_ASKED.fullmatch(text):
        return Intent("anyway", term=question[match.start("question") :].strip())
    if ABOUT.fullmatch(bare):
        return Intent("about")
    if match := MENTIONS.fullmatch(text.strip()):
        start = match.start("term") + len(text) - len(text.lstrip())
        named = question[start : start + len(match["term"])].strip()
        if term := LEADING_NOUN.sub("", named).strip("\"'“”„«»‘’ "):
            return Intent("mentions", term=term)
    if may_want_whole(text):
        kind, wanted = whole_request(text, documents, at_hand)
        return Intent(kind, documents=wanted)
    return QUESTION


def needs_documents(question: str) -> bool:
    """Tell whether the kind of request depends on the documents; listing them takes longer than this."""
    text = fold(question)
    bare = " ".join(re.sub(r"[^\w' ]+", " ", text).split())
    return bool(ABOUT.fullmatch(bare) or MENTIONS.fullmatch(text.strip()) or may_want_whole(text))


def leans_on_history(question: str) -> bool:
    """Tell whether a question is likely to be a follow-up, not understood without the turns before it."""
    text = fold(question)
    return bool(LEADING.match(text) or REFERRING.search(text) or len(content_words(question)) <= 2)
