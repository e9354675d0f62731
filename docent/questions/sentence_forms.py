"""The forms of sentences that a question can be made of, in English and French."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docent.questions.question_candidates import Kind

WORD = r"[^\W\d_][\w’'&/-]*"
SUBJECT = rf"(?P<what>{WORD}(?: {WORD}){{0,7}}?)"
BOUND = (
    r"(?:(?:about|approximately|around|up to|at least|at most|more than|less than|over|nearly|almost|only"
    r"|just|exactly) )*"
)
AMOUNT = rf"{BOUND}(?:[$€£¥] ?)?\d[\d.,]*(?: ?%| percent| (?:million|billion|thousand|hundred|trillion))?"
NUMBER = (
    rf"{BOUND}(?:\d[\d.,]*(?: (?:million|billion|thousand))?|two|three|four|five|six|seven|eight|nine|ten"
    r"|eleven|twelve|fifteen|twenty|thirty|forty|fifty)"
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
UNITS = (
    r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|nights?|working days?|business days?"
    r"|lower|higher|people|employees|points|tons|miles|inhabitants|pages|metres|meters|kilometres)"
)
PARTICIPLE = r"(?:\w+ed|born|built|made|written|held|sold|paid|sent|given|taken|won|set|found|begun|known)"
MODAL = r"(?P<modal>must|should|can|may|will|shall)"
MIDDLE = r"(?P<mid>(?: [^\d,;.]{0,40}?)?)"
NAME = r"(?:the )?[A-Z][\w’'-]+(?: (?:of |the |de )*[A-Z][\w’'-]+)*"
CLAUSE_END = r"(?=[.,;:!?)]|$| and | but | which | who | where | when )"
SENTENCE_END = r"(?=;|[.!]?$)"
BEFORE_CLAUSE = r"(?=;|[.!]?$|, (?:and|but|which|who|where|et|mais|qui)\b)"
COUNTING = (
    "has|have|had|holds?|held|contains?|contained|employs?|employed|owns?|owned|operates?|operated|offers?"
    "|offered|seats|serves?|served|produces|produced|received|won|sold|opened"
)
BEGINNING = "opens?|closes?|starts?|begins?|ends?|opened|closed|started|began|ended|expires?|expired"


@dataclass(frozen=True, slots=True)
class SentenceForm:
    """A form of sentence; its pattern has the groups `what` (the subject) and `answer`."""

    kind: Kind
    pattern: re.Pattern[str]
    question: str
    """With {what} and the other groups of the pattern; {did} and {verb} agree with each other."""


def _form(kind: Kind, question: str, *parts: str) -> SentenceForm:
    return SentenceForm(kind, re.compile("".join(parts)), question)


FORMS_EN = (
    _form(
        "figure",
        "By how much {did} {what} {verb}{in_period}?",
        rf"^{SUBJECT} (?:has |have )?(?P<verb>increased|decreased|rose|fell|grew|declined)",
        rf"(?: by)? (?P<answer>{AMOUNT})",
    ),
    _form(
        "figure",
        "How many {noun} {did} {what} {verb}?",
        rf"^{SUBJECT} (?P<verb>{COUNTING}) (?P<answer>{NUMBER} (?P<noun>(?!%|percent)[a-z][a-z-]+",
        rf"(?: (?:of )?[a-z][a-z-]+){{0,2}}?)){CLAUSE_END}",
    ),
    _form(
        "figure",
        "When {be} {what} {part}{verb}?",
        rf"^{SUBJECT} (?P<be>was|were) (?P<part>first |originally |officially )?(?P<verb>{PARTICIPLE})",
        rf"(?: (?:(?! and )[^\d,;]){{0,40}}?)? (?:in|on) (?P<answer>{DATE})\b",
    ),
    _form(
        "figure",
        "By when {modal} {what} {verb}{mid}?",
        rf"^{SUBJECT} {MODAL} (?P<verb>be {PARTICIPLE}|\w+){MIDDLE} (?:by|before|no later than|until) ",
        rf"(?P<answer>{DATE})",
    ),
    _form(
        "figure",
        "How soon {modal} {what} {verb}{mid}?",
        rf"^{SUBJECT} {MODAL} (?P<verb>be {PARTICIPLE}){MIDDLE} (?P<answer>within {NUMBER} {UNITS})",
        CLAUSE_END,
    ),
    _form("figure", "How much {did} {what} {verb}?", rf"^{SUBJECT} (?P<verb>costs?) (?P<answer>{AMOUNT})"),
    _form(
        "figure",
        "How much {did} {what} {verb}?",
        rf"^{SUBJECT} (?P<verb>weighs?|weighed) (?P<answer>{AMOUNT} ?\w+)",
    ),
    _form(
        "figure",
        "When {did} {what} {verb}?",
        rf"^{SUBJECT} (?P<verb>{BEGINNING}) (?:at|on|in) (?P<answer>(?:{DATE}|{TIME}\b))",
    ),
    _form(
        "figure",
        "How long {did} {what} {verb}?",
        rf"^{SUBJECT} (?P<verb>lasts?|lasted|takes?|took) (?:for )?(?P<answer>{NUMBER} {UNITS})",
    ),
    _form(
        "figure",
        "What {be} {what}{in_period}?",
        rf"^{SUBJECT} (?P<be>was|were|is|are) (?P<answer>{AMOUNT}(?: {UNITS})?)",
    ),
    _form(
        "definition",
        "What does “{what}” mean?",
        rf"^(?:[“\"«](?P<quoted>[^”\"»]{{2,60}})[”\"»]|{SUBJECT}) (?:shall |will )?means? (?!that\b)",
        rf"(?P<answer>[^;]{{12,220}}?){SENTENCE_END}",
    ),
    _form(
        "definition",
        "What is meant by “{what}”?",
        rf"^{SUBJECT} (?:refers? to|is defined as|are defined as) (?P<answer>[^;]{{12,220}}?){SENTENCE_END}",
    ),
    _form(
        "definition",
        "{asks} {be} {what}?",
        rf"^{SUBJECT} (?P<be>is|are|was|were) (?P<answer>(?:an?|the|one of the) [^;]{{12,220}}?)",
        BEFORE_CLAUSE,
    ),
    _form(
        "figure",
        "Who {verb} {what}?",
        rf"^{SUBJECT} (?P<be>was|were) (?P<verb>{PARTICIPLE}) by (?P<answer>{NAME}){CLAUSE_END}",
    ),
    _form(
        "figure",
        "Where {be} {what} {verb}?",
        rf"^{SUBJECT} (?P<be>is|are|was|were) (?P<verb>located|situated|held|born|based|buried|built)",
        rf" (?:in|at|on|near) (?P<answer>(?:the )?[A-Z][^.;]{{2,60}}?){CLAUSE_END}",
    ),
    _form(
        "figure",
        "What did {what} do {prep} {when}?",
        rf"^(?P<prep>In|On) (?P<when>{DATE}),? {SUBJECT} ",
        r"(?P<answer>(?!was\b|were\b|had\b)\w+ed [^;]{8,160}?)",
        SENTENCE_END,
    ),
    _form(
        "rule",
        "How do I {what}?",
        rf"^To (?P<what>[a-z][^,;:.()]{{6,70}}), (?P<answer>[^;]{{8,200}}?){SENTENCE_END}",
    ),
    _form(
        "rule",
        "What happens {if} {what}?",
        rf"^(?P<if>If|When) (?P<what>[^,;:.()]{{8,90}}), (?P<answer>[^;]{{12,200}}?){SENTENCE_END}",
    ),
)
FRENCH_SUBJECT = r"(?P<what>(?:Le |La |Les |L[’'])[^\W\d_][\w’'-]*(?: [^\W\d_][\w’'-]*){0,5}?)"
FORMS_FR = (
    _form(
        "figure",
        "Comment {verb} évolué {what}{where} ?",
        rf"^{FRENCH_SUBJECT} (?P<verb>a|ont) (?P<answer>(?:augmenté|diminué|progressé|baissé|reculé)",
        r"(?: de)? \d[\d.,]*(?: ?%| \w+)?)",
    ),
    _form(
        "figure",
        "Combien {verb} {what}{where} ?",
        rf"^{FRENCH_SUBJECT} (?P<verb>coûte|coûtent) (?P<answer>\d[\d.,]* ?\S+)",
    ),
    _form(
        "figure",
        "Combien de temps {verb} {what}{where} ?",
        rf"^{FRENCH_SUBJECT} (?P<verb>dure|durent) (?P<answer>(?:\d+|\w+) (?:minutes?|heures?|jours?",
        r"|semaines?|mois|ans|années))",
    ),
    _form(
        "figure",
        "Quand {verb} {what}{where} ?",
        rf"^{FRENCH_SUBJECT} (?P<verb>ouvre|ferme|commence|débute|expire|se termine|ouvrent|ferment)",
        rf"[^\d,;.]{{0,25}}? (?P<answer>\d{{1,2}} ?h(?: ?\d\d)?|(?:le )?(?:{DATE}))",
    ),
    _form(
        "figure",
        "De combien {be} {what}{where} ?",
        rf"^{FRENCH_SUBJECT} (?P<be>est|était|sont|étaient) de (?P<answer>\d[\d.,]*(?: ?[%€]| \w+)?)",
    ),
    _form(
        "definition",
        "Que désigne {what}{where} ?",
        rf"^{FRENCH_SUBJECT} désigne (?P<answer>[^;]{{12,220}}?){SENTENCE_END}",
    ),
    _form(
        "definition",
        "Qu’est-ce que {what} ?",
        rf"^{FRENCH_SUBJECT} est (?P<answer>(?:une?|l[ae]|l[’']un) ?[^;]{{12,220}}?){BEFORE_CLAUSE}",
    ),
    _form(
        "rule",
        "Comment {what} ?",
        rf"^Pour (?P<what>\w+(?:er|ir|re)\b[^,;:.()]{{4,70}}), (?P<answer>[^;]{{8,200}}?){SENTENCE_END}",
    ),
    _form(
        "rule",
        "Que se passe-t-il {if} {what} ?",
        rf"^(?P<if>Si|Lorsque|Quand) (?P<what>[^,;:.()]{{8,90}}), (?P<answer>[^;]{{12,200}}?){SENTENCE_END}",
    ),
)
