"""Word lists by which two sentences are compared (numbers, days, denials, opposites), and content words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

WORD = re.compile(r"\w+(?:[.,:]\d+)*", re.UNICODE)

STOP_WORDS = frozenset(
    """a about after all also an and any are as at be because been but by can could did do does for from had
    has have he her his how i if in into is it its la le les me more most my no not of on one or our out over
    own she so some such than that the their them then there these they this those to under up very was we
    were what when where which who whom whose why will with would you your un une des du de et est sont dans
    pour par sur au aux à que qui quel quelle quels quelles der die das und ist""".split()
)

_SPELT = {
    "1": "single sole einzig einzige",
    "2": "two zwei deux",
    "3": "three third drei trois",
    "4": "four fourth vier quatre",
    "5": "five fifth fünf cinq",
    "6": "six sixth sechs",
    "7": "seven seventh sieben sept",
    "8": "eight eighth acht huit",
    "9": "nine ninth neun neuf",
    "10": "ten tenth zehn dix",
    "11": "eleven elf onze",
    "12": "twelve zwölf douze",
    "13": "thirteen",
    "14": "fourteen",
    "15": "fifteen quinze",
    "16": "sixteen",
    "17": "seventeen",
    "18": "eighteen",
    "19": "nineteen",
}
_TENS = {
    20: "twenty zwanzig vingt",
    30: "thirty dreißig trente",
    40: "forty vierzig quarante",
    50: "fifty fünfzig cinquante",
    60: "sixty sechzig soixante",
    70: "seventy siebzig",
    80: "eighty achtzig",
    90: "ninety neunzig",
}
_ONES = {
    1: "one ein et-un",
    2: "two zwei deux",
    3: "three drei trois",
    4: "four vier quatre",
    5: "five fünf cinq",
    6: "six sechs six",
    7: "seven sieben sept",
    8: "eight acht huit",
    9: "nine neun neuf",
}


def _spelt() -> Iterator[tuple[str, str]]:
    """Yield every known number word with its figure, also "forty-seven" and "siebenundvierzig"."""
    for figure, words in _SPELT.items():
        yield from ((word, figure) for word in words.split())
    for ten, translations in _TENS.items():
        english, german, *french = translations.split()
        yield from ((word, str(ten)) for word in (english, german, *french))
        for one, translations in _ONES.items():
            in_english, in_german, in_french = translations.split()
            yield f"{english}-{in_english}", str(ten + one)
            yield f"{in_german}und{german}", str(ten + one)
            yield from ((f"{word}-{in_french}", str(ten + one)) for word in french)


NUMBERS = dict(_spelt())

LIGHT_WORDS = frozenset(
    """located situated available should mode kind total called named approximately roughly indeed actually
    simply befindet gelegen situé située""".split()
)
"""Words that a sentence adds to what its source says, and that assert nothing by themselves."""

DATES = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april june july
    august september october november december montag dienstag mittwoch donnerstag freitag samstag sonntag
    januar februar märz mai juni juli oktober dezember lundi mardi mercredi jeudi vendredi samedi dimanche
    janvier février mars avril juin juillet août septembre octobre novembre décembre""".split()
)

DENIALS = frozenset(
    """not no never none neither nor cannot without nothing nobody nicht kein keine keinen keiner keinem nie
    niemals ohne pas jamais aucun aucune sans rien""".split()
)

SOFT_DENIALS = frozenset(
    """except exception unless excluded exclude closed unpaid rejected reject forbidden prohibited free only
    lapse lapses refused unable fails lacks außer ausgeschlossen verboten geschlossen abgelehnt exclus sauf
    interdit fermé refusé gratuit gratuite unchanged""".split()
)
"""Words that may word a denial: "does not open" is "closed"."""

_OPPOSITE_WORDS = (
    (
        "rose rise rises rising increased increase increases grew grow up",
        "fell fall falls decreased decrease decreases declined decline dropped drop down reduced shrank",
    ),
    ("more above over higher exceeding", "less below under lower fewer"),
    ("maximum most", "minimum least"),
    ("before", "after"),
    ("allowed permitted", "forbidden prohibited banned"),
    ("paid", "unpaid"),
    ("open opens opened", "closed closes shut"),
    ("together jointly", "separately apart individually"),
    ("always", "never"),
    ("early earlier", "late later"),
    ("inside within", "outside"),
    ("included includes include", "excluded excludes exclude"),
    ("required mandatory compulsory", "optional voluntary"),
    ("accepted accepts accept", "rejected rejects reject refused"),
    ("bought buys buy", "sold sells sell"),
    ("profit profits", "loss losses"),
    ("public", "private"),
    ("primary", "secondary"),
    ("weekday weekdays", "weekend weekends"),
    ("added adds", "removed removes"),
    ("stieg steigt gestiegen erhöht", "fiel fällt gefallen gesunken sank verringert"),
    ("augmenté hausse augmente", "baissé baisse diminué diminue"),
)
OPPOSITES = tuple((frozenset(one.split()), frozenset(other.split())) for one, other in _OPPOSITE_WORDS)

DECISIVE_WORDS = DENIALS | frozenset(
    """above below up down more less before after from until till since during with by despite against
    among between beyond through all some any most many few several both either half only even almost
    nearly first second third last next previous new old same other another different former latter best
    worst better worse good bad large small larger smaller largest smallest high low highest lowest long
    short longest shortest usually often sometimes rarely seldom must should ab bis seit mit alle einige
    viele wenige nur erst letzte neu alt depuis jusque avec tous toutes quelques plusieurs seulement
    premier dernier nouveau ancien""".split()
)
"""Words that decide what a sentence says: one of them changed makes a copied sentence another one."""

SMALL_WORDS = {
    "en": frozenset("the of and to is in that for with are be this was it by from at not have has".split()),
    "de": frozenset(
        "der die das und ist nicht mit von auf für den dem ein eine zu im sind wird auch".split()
    ),
    "fr": frozenset("le la les des et est dans une un pour pas que sur par au aux avec sont ce du".split()),
    "es": frozenset("el los las y es en una un para por con no que del se al su son lo".split()),
    "it": frozenset("il gli e è in una un per con non che della del di sono la le al".split()),
    "nl": frozenset("de het een en is van op niet met voor te zijn dat in wordt aan bij".split()),
}
"""The commonest words of each language, by which a text's language is detected."""


def fold(text: str) -> str:
    """Return the text in lower case without accents, character for character: positions stay the same."""
    return "".join(
        bare if len(bare := unicodedata.normalize("NFD", char)[0].lower()) == 1 else char for char in text
    )


@lru_cache(maxsize=4096)
def content_words(text: str) -> frozenset[str]:
    """Return the words that carry meaning, shortened so that plurals and endings agree."""
    return frozenset(_stem(word) for word in WORD.findall(text.lower()) if word not in STOP_WORDS)


def _stem(word: str) -> str:
    if word[0].isdigit() or len(word) < 5:
        return word.replace(",", "") if word[0].isdigit() else word
    for ending in ("ations", "ation", "ings", "ing", "ies", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


_SAME_MEANING = (
    "linked link links linking connected connect connects connecting",
    "founded established establish establishes establishing",
    "built build builds constructed construct constructs erected erects",
    "began begin begins begun beginning started start starts starting commenced commence commences",
    "bought buy buys purchased purchase purchases acquired acquire acquires",
    "melt melts melted melting thaw thaws thawed thawing",
    "happened happen happens occurred occur occurs",
    "helped help helps helping assisted assist assists assisting aided",
    "chose choose chooses chosen selected select selects picked",
    "wrote writes write written authored",
    "chiefly mainly mostly largely primarily",
)
SAME_MEANING = {word: words.split()[0] for words in _SAME_MEANING for word in words.split()}
"""Words of the same meaning with the one that stands for all of them: "connected" is "linked"."""

PLAIN_VERBS = frozenset(
    stem
    for verb in (
        "price prices cost costs pay pays paid take takes get gets receive receives earn earns offer offers "
        "provide provides include includes contain contains give gives mean means made used kept last lasts "
        "lasting work works held accept accepts need needs"
    ).split()
    for stem in content_words(verb)
)
"""Verbs that a row or a field of a list leaves out: "Tagine | 14.50" is "The tagine costs 14.50"."""
