"""Questions about whole sentences: figures, dates, changes, definitions and rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docent.answering.citing.vocabulary import content_words
from docent.answering.quoted_units import quoted_units
from docent.questions.question_candidates import (
    ARTICLES,
    Candidate,
    DocumentName,
    is_plural,
    is_proper_name,
    is_subject,
    lowered,
)
from docent.questions.sentence_forms import FORMS_EN, FORMS_FR, SentenceForm
from docent.types import Passage

VERBS = """have has had; hold holds held; contain contains contained; employ employs employed; own owns owned;
operate operates operated; offer offers offered; seat seats; serve serves served; produce produces produced;
sell sold; receive received; win won; last lasts lasted; take takes took; cost costs; open opens opened;
close closes closed; start starts started; begin begins began; end ends ended; increase increased;
decrease decreased; rise rose; fall fell; grow grew; decline declined; expire expires expired;
weigh weighs weighed"""
BASE = {form: forms.split()[0] for forms in VERBS.split(";") for form in forms.split()}
PAST = frozenset(
    "had held contained employed owned operated offered served produced opened sold received won lasted took "
    "closed started began ended increased decreased rose fell grew declined expired weighed".split()
)
PERSON = re.compile(
    r"^.{0,80}\bwho\b|^(?:an? |the )?(?:[\w’'-]+[, ]+(?:and )?){0,6}?(?:man|woman|writer|author|poet|king"
    r"|queen|emperor|leader|commander|ruler|founder|son|daughter|brother|sister|wife|husband|duke|prince|count"
    r"|warrior|president|minister|physicist|chemist|mathematician|philosopher|composer|painter|artist|singer"
    r"|actor|actress|politician|general|engineer|architect|scientist|explorer|monk|bishop|pope|saint"
    r"|businessman|journalist|historian|lawyer|inventor|theologian|biologist|economist|musician|director"
    r"|player|coach)\b",
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


COMPARED = re.compile(r"\b(?:compared|versus|vs|against|from|than)\b")
"""What follows is of another period."""
PERIOD = re.compile(
    r"\b(?:in|during|for) (?:the (?:year|quarter|period)(?: ended)? )?(?:fiscal(?: year)? )?"
    r"((?:19|20)\d\d)\b",
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
    is_term = form.kind == "definition" and words[0].casefold() in ("a", "an")
    if not (is_named or is_term) and len(content_words(what)) < 2:
        return ""
    if "{prep}" in form.question and not (is_named and re.search(r"\d{4}", groups["when"])):
        return ""
    verb = groups.get("verb", "")
    period = PERIOD.search(COMPARED.split(sentence)[0])
    values = {
        **groups,
        "what": what,
        "verb": BASE.get(verb, verb),
        "did": "did" if verb in PAST else ("do" if is_plural(what) else "does"),
        "asks": "Who" if is_named and PERSON.match(groups["answer"]) else "What",
        "prep": groups.get("prep", "").lower(),
        "when": groups.get("when", "").rstrip(","),
        "in_period": f" in {period[1]}" if period else "",
    }
    question = form.question.format_map(values)
    if not (is_named or is_term) and name.text:
        question = question.removesuffix("?") + f"{name.where('en')}?"
    return question
