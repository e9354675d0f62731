"""Questions about whole sentences: figures, dates, changes and definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docent.answering.citing.vocabulary import content_words
from docent.answering.quoted_units import quoted_units
from docent.questions.question_candidates import (
    ARTICLES,
    Candidate,
    DocumentName,
    Kind,
    is_plural,
    is_proper_name,
    is_subject,
    lowered,
)
from docent.types import Passage

W = r"[^\W\d_][\w’'&/-]*"
SUBJECT = rf"(?P<what>{W}(?: {W}){{0,7}}?)"
AMOUNT = (
    r"(?:(?:about|approximately|around|up to|at least|at most|more than|less than|over|nearly|almost|only|just"
    r"|exactly) )*(?:[$€£¥] ?)?\d[\d.,]*(?: ?%| percent| (?:million|billion|thousand|hundred|trillion))?"
)
NUMBER = (
    r"(?:(?:about|approximately|around|up to|at least|at most|more than|over|nearly|almost|only|exactly) )*"
    r"(?P<n>\d[\d.,]*(?: (?:million|billion|thousand))?|two|three|four|five|six|seven|eight|nine|ten|eleven"
    r"|twelve|fifteen|twenty|thirty|forty|fifty)"
)
MONTH = (
    r"(?:January|February|March|April|May|June|July|August|September|October|November|December"
    r"|janvier|février|mars|avril|mai|juin|juillet|août|septembre|octobre|novembre|décembre)"
)
DATE = (
    rf"(?:\d{{1,2}}(?:er|st|nd|rd|th)? )?{MONTH}(?: \d{{1,2}},?)?(?: (?:19|20|1[0-8])\d\d)?"
    r"|(?:1\d|20)\d\d(?!\d)"
)
TIME = r"\d{1,2}(?:[:.h]\d\d)?(?: ?[ap]\.?m\.?| o['’]clock)?"
UNITS = r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|nights?|working days?|business days?)"
PARTICIPLE = r"(?:\w+ed|born|built|made|written|held|sold|paid|sent|given|taken|won|set|found|begun|known)"
BASE = {
    "has": "have", "have": "have", "had": "have", "holds": "hold", "hold": "hold", "held": "hold",
    "contains": "contain", "contain": "contain", "contained": "contain", "employs": "employ",
    "employ": "employ", "employed": "employ", "owns": "own", "own": "own", "owned": "own",
    "operates": "operate", "operate": "operate", "operated": "operate", "offers": "offer", "offer": "offer",
    "offered": "offer", "seats": "seat", "serves": "serve", "serve": "serve", "served": "serve",
    "produces": "produce", "produced": "produce", "opened": "open", "sold": "sell", "received": "receive",
    "won": "win", "lasts": "last", "last": "last", "lasted": "last", "takes": "take", "take": "take",
    "took": "take", "costs": "cost", "cost": "cost", "opens": "open", "open": "open", "closes": "close",
    "close": "close", "closed": "close", "starts": "start", "start": "start", "started": "start",
    "begins": "begin", "begin": "begin", "began": "begin", "ends": "end", "end": "end", "ended": "end",
    "increased": "increase", "decreased": "decrease", "rose": "rise", "fell": "fall", "grew": "grow",
    "declined": "decline", "expires": "expire", "expire": "expire", "expired": "expire",
    "weighs": "weigh", "weigh": "weigh", "weighed": "weigh",
}  # fmt: skip
PAST = frozenset(
    "had held contained employed owned operated offered served produced opened sold received won lasted took "
    "closed started began ended increased decreased rose fell grew declined expired weighed".split()
)
PERSON = re.compile(
    r"^.{0,80}\bwho\b|^(?:an? |the )?(?:[\w’'-]+[, ]+(?:and )?){0,6}?(?:man|woman|writer|author|poet|king|queen|emperor"
    r"|leader|commander|ruler|founder|son|daughter|brother|sister|wife|husband|duke|prince|count|warrior"
    r"|president|minister|physicist"
    r"|chemist|mathematician|philosopher|composer|painter|artist|singer|actor|actress|politician|general"
    r"|engineer|architect|scientist|explorer|monk|bishop|pope|saint|businessman|journalist|historian|lawyer"
    r"|inventor|theologian|biologist|economist|musician|director|player|coach)\b",
    re.IGNORECASE,
)
POINTING = re.compile(
    r"\b(?:it|its|they|them|their|this|that|these|those|he|she|his|her|such|one|ones|so|both|do|il|elle|ils|elles"
    r"|ce|cette|ces|cela|leur|leurs|lui|the (?:above|following|former|latter))\b",
    re.IGNORECASE,
)
"""Words that point at an earlier sentence."""
TOLD = re.compile(
    r"\b(?:was|were|had|did|could|became|died|began|took|the Company|était|étaient|avait|fut)\b",
    re.IGNORECASE,
)
"""The past: what happened once is no rule."""
TWO_SUBJECTS = re.compile(r"\b(?:we|you|they|I|nous|vous|ils)\b.*\b(?:we|you|they|I|nous|vous|ils)\b")
"""A clause that ends where no comma stands."""
CUT_LIST = re.compile(r"(?:[\w’'`_-]+ ){0,3}(?:or|and|ou|et) ", re.IGNORECASE)
NO_ORDER = re.compile(
    r"(?:the|an?|in|on|at|we|it|its|they|he|she|this|these|our|there|la|les?|il|elle)\b", re.I
)
"""A sentence that begins so after "To …" asks nobody to do anything."""
CLAUSE_WORDS = re.compile(r"\b(?:that|which|who|whether|if|because|although|while|where|when)\b")
EMPTY_PREDICATE = re.compile(
    r"^(?:an? |the )?(?:same|following|case|one|lot|number|few|matter|result|reason|way|problem|only|most"
    r"|good|great|different|fact|other|key|subject|part|time|more|less|very|further|said|such)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SentenceForm:
    """A form of sentence that a question can be made of."""

    kind: Kind
    pattern: re.Pattern[str]
    question: str
    """With {what}, {aux} and the groups of the pattern."""
    answer: str = "answer"
    """The group that is the answer."""


def _form(kind: Kind, pattern: str, question: str) -> SentenceForm:
    return SentenceForm(kind, re.compile(pattern), question)


CLAUSE_END = r"(?=[.,;:!?)]|$| and | but | which | who | where | when )"
VERBS_HAVE = (
    "has|have|had|holds?|held|contains?|contained|employs?|employed|owns?|owned|operates?|operated|offers?"
    "|offered|seats|serves?|served|produces|produced|received|won|sold|opened"
)
FORMS_EN = (
    _form("figure", rf"^{SUBJECT} (?:has |have )?(?P<verb>increased|decreased|rose|fell|grew|declined)"
          rf"(?: by)? (?P<answer>{AMOUNT})", "By how much {did} {what} {verb}{in_period}?"),
    _form("figure", rf"^{SUBJECT} (?P<verb>{VERBS_HAVE}) (?P<answer>{NUMBER} (?P<noun>(?!%|percent)[a-z][a-z-]+"
          rf"(?: (?:of )?[a-z][a-z-]+){{0,2}}?)){CLAUSE_END}", "How many {noun} {did} {what} {verb}?"),
    _form("figure", rf"^{SUBJECT} (?P<be>was|were) (?P<part>first |originally |officially )?"
          rf"(?P<verb>{PARTICIPLE})(?: (?:(?! and )[^\d,;]){{0,40}}?)? (?:in|on) (?P<answer>{DATE})\b",
          "When {be} {what} {part}{verb}?"),
    _form("figure", rf"^{SUBJECT} (?P<modal>must|should|can|may|will|shall) (?P<verb>be {PARTICIPLE}|\w+)"
          rf"(?P<mid>(?: [^\d,;.]{{0,40}}?)?) (?:by|before|no later than|until) (?P<answer>{DATE})",
          "By when {modal} {what} {verb}{mid}?"),
    _form("figure", rf"^{SUBJECT} (?P<modal>must|should|can|may|will|shall) (?P<verb>be {PARTICIPLE})"
          rf"(?P<mid>(?: [^\d,;.]{{0,40}}?)?) (?P<answer>within {NUMBER} {UNITS}){CLAUSE_END}",
          "How soon {modal} {what} {verb}{mid}?"),
    _form("figure", rf"^{SUBJECT} (?P<verb>costs?) (?P<answer>{AMOUNT})", "How much {did} {what} {verb}?"),
    _form("figure", rf"^{SUBJECT} (?P<verb>weighs?|weighed) (?P<answer>{AMOUNT} ?\w+)",
          "How much {did} {what} {verb}?"),
    _form("figure", rf"^{SUBJECT} (?P<verb>opens?|closes?|starts?|begins?|ends?|opened|closed|started|began|ended"
          rf"|expires?|expired) (?:at|on|in) (?P<answer>(?:{DATE}|{TIME}\b))", "When {did} {what} {verb}?"),
    _form("figure", rf"^{SUBJECT} (?P<verb>lasts?|lasted|takes?|took) (?:for )?(?P<answer>{NUMBER} {UNITS})",
          "How long {did} {what} {verb}?"),
    _form("figure", rf"^{SUBJECT} (?P<be>was|were|is|are) (?P<answer>{AMOUNT}(?: {UNITS}| (?:lower|higher"
          r"|people|employees|points|tons|miles|inhabitants|pages|metres|meters|kilometres|square \w+))?)",
          "What {be} {what}{in_period}?"),
    _form("definition", r"^(?:[“\"«](?P<quoted>[^”\"»]{2,60})[”\"»]|" + SUBJECT + r") (?:shall |will )?means? (?!that\b)"
          r"(?P<answer>[^;]{12,220}?)(?=;|[.!]?$)", "What does “{what}” mean?"),
    _form("definition", rf"^{SUBJECT} (?:refers? to|is defined as|are defined as) (?P<answer>[^;]{{12,220}}?)(?=;|[.!]?$)",
          "What {is_are} meant by “{what}”?"),
    _form("definition", rf"^{SUBJECT} (?P<be>is|are|was|were) (?P<answer>(?:an?|the|one of the) [^;]{{12,220}}?)"
          r"(?=;|[.!]?$|, (?:and|but|which|who|where)\b)", "{asks} {be} {what}?"),
    _form("figure", rf"^{SUBJECT} (?P<be>was|were) (?P<verb>{PARTICIPLE}) by (?P<answer>(?:the )?[A-Z][\w’'-]+"
          rf"(?: (?:of |the |de )*[A-Z][\w’'-]+)*){CLAUSE_END}", "Who {verb} {what}?"),
    _form("figure", rf"^{SUBJECT} (?P<be>is|are|was|were) (?P<verb>located|situated|held|born|based|buried|built)"
          rf" (?:in|at|on|near) (?P<answer>(?:the )?[A-Z][^.;]{{2,60}}?){CLAUSE_END}", "Where {be} {what} {verb}?"),
    _form("figure", rf"^(?P<prep>In|On) (?P<when>{DATE}),? {SUBJECT} (?P<answer>(?!was\b|were\b|had\b)\w+ed [^;]{{8,160}}?)"
          r"(?=;|[.!]?$)", "What did {what} do {prep} {when}?"),
    _form("rule", r"^To (?P<what>[a-z][^,;:.()]{6,70}), (?P<answer>[^;]{8,200}?)(?=;|[.!]?$)", "How do I {what}?"),
    _form("rule", r"^(?P<if>If|When) (?P<what>[^,;:.()]{8,90}), (?P<answer>(?!the|a )[^;]{12,200}?|[^;]{12,200}?)"
          r"(?=;|[.!]?$)", "What happens {if} {what}?"),
)  # fmt: skip
FRENCH_SUBJECT = r"(?P<what>(?:Le |La |Les |L[’'])[^\W\d_][\w’'-]*(?: [^\W\d_][\w’'-]*){0,5}?)"
FORMS_FR = (
    _form("figure", rf"^{FRENCH_SUBJECT} (?P<verb>a|ont) (?P<answer>(?:augmenté|diminué|progressé|baissé|reculé)"
          r"(?: de)? \d[\d.,]*(?: ?%| \w+)?)", "Comment {verb} évolué {what}{where} ?"),
    _form("figure", rf"^{FRENCH_SUBJECT} (?P<verb>coûte|coûtent) (?P<answer>\d[\d.,]* ?\S+)",
          "Combien {verb} {what}{where} ?"),
    _form("figure", rf"^{FRENCH_SUBJECT} (?P<verb>dure|durent) (?P<answer>(?:\d+|\w+) (?:minutes?|heures?|jours?"
          r"|semaines?|mois|ans|années))", "Combien de temps {verb} {what}{where} ?"),
    _form("figure", rf"^{FRENCH_SUBJECT} (?P<verb>ouvre|ferme|commence|débute|expire|se termine|ouvrent|ferment)"
          rf"[^\d,;.]{{0,25}}? (?P<answer>\d{{1,2}} ?h(?: ?\d\d)?|(?:le )?(?:{DATE}))", "Quand {verb} {what}{where} ?"),
    _form("figure", rf"^{FRENCH_SUBJECT} (?P<be>est|était|sont|étaient) de (?P<answer>\d[\d.,]*(?: ?[%€]| \w+)?)",
          "De combien {be} {what}{where} ?"),
    _form("definition", rf"^{FRENCH_SUBJECT} désigne (?P<answer>[^;]{{12,220}}?)(?=;|[.!]?$)",
          "Que désigne {what}{where} ?"),
    _form("definition", rf"^{FRENCH_SUBJECT} est (?P<answer>(?:une?|l[ae]|l[’']un) ?[^;]{{12,220}}?)(?=;|[.!]?$|, (?:et|mais|qui)\b)",
          "Qu’est-ce que {what} ?"),
    _form("rule", r"^Pour (?P<what>\w+(?:er|ir|re)\b[^,;:.()]{4,70}), (?P<answer>[^;]{8,200}?)(?=;|[.!]?$)",
          "Comment {what} ?"),
    _form("rule", r"^(?P<if>Si|Lorsque|Quand) (?P<what>[^,;:.()]{8,90}), (?P<answer>[^;]{12,200}?)(?=;|[.!]?$)",
          "Que se passe-t-il {if} {what} ?"),
)  # fmt: skip
PERIOD = re.compile(
    r"\b(?:in|during|for) (?:the (?:year|quarter|period)(?: ended)? )?(?:fiscal(?: year)? )?((?:19|20)\d\d)\b",
    re.IGNORECASE,
)


def sentence_questions(passage: Passage, name: DocumentName, language: str) -> Iterator[Candidate]:
    """Yield a question for each sentence of a known form."""
    text = passage.text
    forms = FORMS_FR if language == "fr" else FORMS_EN
    for unit in quoted_units(text):
        raw = text[unit.start : unit.end]
        sentence = " ".join(raw.split())
        if unit.row or not unit.whole or not 4 <= len(sentence.split()) <= 45 or sentence[-1] not in ".;!":
            continue
        for form in forms:
            if (found := form.pattern.match(sentence)) and (
                question := _question(form, found, sentence, text, name, language)
            ):
                yield Candidate(
                    form.kind, question, found["answer"].strip(), sentence, passage, unit.start, unit.end,
                    label=_label(found),
                )  # fmt: skip
                break


def _label(found: re.Match[str]) -> str:
    return (found.groupdict().get("quoted") or found["what"] or "").strip()


def _question(
    form: SentenceForm, found: re.Match[str], sentence: str, text: str, name: DocumentName, language: str
) -> str:
    groups = {key: value or "" for key, value in found.groupdict().items()}
    what = groups.get("quoted") or groups["what"]
    if form.kind == "rule":
        answer = groups["answer"]
        if POINTING.search(what) or TOLD.search(f"{what} {answer}") or len(content_words(what)) < 2:
            return ""
        if TWO_SUBJECTS.search(what):
            return ""
        if CUT_LIST.match(answer) or form.question.startswith(("How", "Comment")) and NO_ORDER.match(answer):
            return ""
        asked = (re.sub(r"\byour\b", "my", what) if "I" in form.question else what).replace("`", "")
        return form.question.format_map({"what": asked, "if": groups.get("if", "").lower()})
    words = what.split()
    bare = words[1:] if words[0].casefold() in ARTICLES else words
    if not is_subject(bare) or len(content_words(what)) < 1 or CLAUSE_WORDS.search(what):
        return ""
    if language == "fr":
        what = what[0].lower() + what[1:]
        return form.question.format_map({**groups, "what": what, "where": name.where("fr")})
    is_named = bool(groups.get("quoted")) or is_proper_name(what, text)
    if not groups.get("quoted"):
        what = re.sub(r"^[Oo]ur ", "the ", lowered(what, text))
    if form.kind == "definition":
        if (
            len(bare) == 1
            and words[0].casefold() in ("the", "our")
            or EMPTY_PREDICATE.match(groups["answer"])
        ):
            return ""
    if not is_named and len(content_words(what)) < 2:
        return ""
    if "{prep}" in form.question and not is_named:
        return ""
    verb = groups.get("verb", "")
    period = PERIOD.search(sentence)
    values = {
        **groups,
        "what": what,
        "verb": BASE.get(verb, verb),
        "did": "did" if verb in PAST else ("do" if is_plural(what) else "does"),
        "is_are": "is",
        "asks": "Who" if is_named and PERSON.match(groups["answer"]) else "What",
        "prep": groups.get("prep", "").lower(),
        "when": groups.get("when", "").rstrip(","),
        "in_period": f" in {period[1]}" if period else "",
    }
    question = form.question.format_map(values)
    if not is_named and name.text:
        question = question.removesuffix("?") + f"{name.where('en')}?"
    return question
