"""Requests for whole documents: a summary in any wording, a comparison, and the documents that are meant.

What is left of a request without its filler is empty ("give me a summary"), names documents ("the Costco
report"), or is a topic ("the vacation rules"), which is a question and no summary.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Literal

from docent.answering.citing.vocabulary import content_words, fold
from docent.types import StoredDocument

SUMMARY = re.compile(
    r"\b(summari[sz](e|es|ed|ing)|summar(y|ies)|sum (it |this |that |these )?up|overview|outline|recap"
    r"|tl;?dr|gist|synopsis|abstract|digest|in a nutshell|big picture|takeaways?|highlights|main findings"
    r"|(key|main|central) (points?|facts?|takeaways?|messages?|ideas?|topics?|findings?|themes?)"
    r"|resume[rsz]?|synthese|synthetis\w+|apercu|vue d.ensemble|grandes lignes|en bref|l.essentiel"
    r"|(points?|idees?|messages?) (cles?|principales|principale|principaux|principal|essentiels?)"
    r"|zusammenfass\w*|fasse?|uberblick|resumen)\b"
)
"""Words that ask for a summary, whatever else the sentence says."""
DESCRIBE = re.compile(
    r"\bwhat('s| is| are| does| do)\b.*\b(about|say|says|contain|contains|cover|covers|tell|discuss|in"
    r"|inside)\b|\b(tell|brief|inform) (me|us) (more )?(about|on)\b|\b(describe|explain|present|introduce)\b"
    r"|\bwalk (me|us) through\b|\bwhat should (i|we) know\b"
    r"|\bde quoi (ca |cela |il )?(parle|traite|s.agit|est)\b"
    r"|\bde quoi il (s.agit|est question)\b|\bc.est quoi\b|\bqu.est-ce que (dit|contient|raconte)\b"
    r"|\b(que|qu.y a-t-il|qu.est-ce qu.il y a) (dit|disent|contient|raconte|faut-il|dans)\b"
    r"|\b(parle|parlez|presente|presentez|decris|decrivez|explique|expliquez)\b"
)
"""Words that ask for a summary only of a document: "tell me about the pension" is a question."""
COMPARE = re.compile(
    r"\b(compare|comparison|differences?|contrast|vergleiche?n?|comparer?|comparez|compara|comparaison)\b"
)
KIND = (
    r"(documents?|docs?|files?|pdfs?|papers?|reports?|articles?|texts?|contracts?|agreements?|letters?|books?"
    r"|manuals?|attachments?|uploads?|presentations?|slides|fichiers?|rapports?|textes?|contrats?|lettres?"
    r"|livres?|manuels?|pieces?|jointes?|dokumente?s?|datei|dateien|berichte?s?|documentos?)"
)
"""Nouns for a document that are no name of it."""
THIS = re.compile(
    rf"\b(this|that|the|these|both|ce|cet|cette|ces|le|la|les|mon|ma|mes|my|our|your|dieses?|das|los|este)"
    rf"( (two|whole|entire|attached|uploaded))* {KIND}\b|\bl.article\b"
    r"|\b(this|these|ceci|cela|ca)\b|\bit about\b"
)
"""Words for documents that need no name, because they are at hand."""
FILLER = frozenset(
    """give gives giving everything anything me us i we you he they please can could would will like want
    need get have make write do does create produce provide show tell brief inform describe explain
    present introduce walk through short quick quickly concise simple long detailed full complete good
    nice one two three four five six ten page pages paragraph paragraphs sentence sentences bullet
    bullets list line lines word words in of on for with from to by about the a an this that these those
    it its my our your all both each every whole entire attached uploaded following above below here
    just now again and or so what is are s key main important most point points part parts content
    contents executive high level up down say says contain contains cover covers discuss inside know
    should more between let lets hey hello hi docent ok okay donne donnez donner fais fait faire faites
    moi nous un une le la les l de du des d ce cet cette ces ceci cela ca c mon ma mes notre votre ton
    ta en sur pour s t il elle te vous plait stp svp peux tu pouvez pourrais pourriez je j voudrais veux
    aimerais court courte bref breve rapide rapidement petit petite detaille quelques mots phrases
    lignes tout toute tous toutes entier joint jointe ci dessus suivant principal principale principaux
    principales important importants importantes est sont quoi quels quelles quel quelle que qu y a au
    aux et ou dans bonjour parle parlez traite agit presente presentez decris decrivez explique
    expliquez dit disent contient raconte faut retenir question bitte mir mich die der dieser diese ein
    eine zusammen kurz kannst por favor el los las esta""".split()
)
"""Words of such a request that name neither a document nor a topic."""
PARTS = re.compile(r"[^\W\d_]+|\d+")
MOST_AT_ONCE = 5
"""Documents that one summary is about; of more, the reader is asked which."""

WholeKind = Literal["summary", "whole", "which", "question"]


def may_want_whole(text: str) -> bool:
    """Tell whether a folded request may want documents read whole, before the documents are known."""
    return any(pattern.search(text) for pattern in (SUMMARY, COMPARE)) or bool(
        DESCRIBE.search(text) and (THIS.search(text) or re.search(KIND, text))
    )


def whole_request(
    text: str, documents: Sequence[StoredDocument], at_hand: Collection[str]
) -> tuple[WholeKind, tuple[StoredDocument, ...]]:
    """Return what a folded request wants, and of which documents.

    A `summary` is of all that they say, `whole` has a topic or a comparison, `which` names none of several.
    """
    if COMPARE.search(text):
        topic = _topic(COMPARE.sub(" ", text))
        compared = _named(text, topic, documents) or ([] if topic else _at_hand(documents, at_hand))
        if len(compared) >= 2:
            return "whole", tuple(compared)
        return ("question", ()) if topic else ("which", ())
    asks_for_summary = bool(SUMMARY.search(text))
    topic = _topic(SUMMARY.sub(" ", text))
    if not topic:
        wanted = _at_hand(documents, at_hand)
        if wanted and (asks_for_summary or THIS.search(text)):
            return "summary", tuple(wanted)
        return ("which", ()) if asks_for_summary else ("question", ())
    if asks_for_summary or re.search(KIND, text):
        named = _named(text, topic, documents)
        if named and topic <= set().union(*map(_name_parts, named)):
            return ("summary", tuple(named)) if len(named) <= MOST_AT_ONCE else ("which", ())
        if named and asks_for_summary:
            return "whole", tuple(named)
    return "question", ()


def _topic(text: str) -> set[str]:
    return _stems(re.sub(rf"\b{KIND}\b", " ", text)) - _stems(" ".join(FILLER))


def _stems(text: str) -> set[str]:
    return {stem for part in PARTS.findall(text) if part not in FILLER for stem in content_words(part)}


def _at_hand(documents: Sequence[StoredDocument], at_hand: Collection[str]) -> list[StoredDocument]:
    """Return the documents that need no name: those at hand, or where there are none, the only one or two."""
    chosen = [document for document in documents if document.id in at_hand]
    if not at_hand and len(documents) <= 2:
        return list(documents)
    return chosen if len(chosen) <= MOST_AT_ONCE else []


def _named(text: str, topic: set[str], documents: Sequence[StoredDocument]) -> list[StoredDocument]:
    """Return the documents whose name or title is said whole, or says every word of the topic."""
    said = [document for document in documents if _is_said(document, text, topic)]
    if said or not topic:
        return said
    return [document for document in documents if topic <= _name_parts(document)]


def _is_said(document: StoredDocument, text: str, topic: set[str]) -> bool:
    stem = document.name.rpartition(".")[0] or document.name
    name, title = _stems(fold(stem)), _stems(fold(document.title))
    in_title = len(title) > 1 and title <= topic
    return fold(document.name) in text or bool(name and name <= topic) or in_title


def _name_parts(document: StoredDocument) -> set[str]:
    return _stems(fold(f"{document.name} {document.title}"))
