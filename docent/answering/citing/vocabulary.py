"""Small words that decide whether two sentences agree: numbers, days, denials and opposites."""

from __future__ import annotations

from collections.abc import Iterator

_SPELT = {
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
    """Every number word that is known, with its figure: also "forty-seven" and "siebenundvierzig"."""
    for figure, words in _SPELT.items():
        yield from ((word, figure) for word in words.split())
    for ten, in_languages in _TENS.items():
        english, german, *french = in_languages.split()
        yield from ((word, str(ten)) for word in (english, german, *french))
        for one, ones in _ONES.items():
            in_english, in_german, in_french = ones.split()
            yield f"{english}-{in_english}", str(ten + one)
            yield f"{in_german}und{german}", str(ten + one)
            yield from ((f"{each}-{in_french}", str(ten + one)) for each in french)


NUMBERS = dict(_spelt())

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
"""A denial may be worded with one of these: "does not open" is "closed"."""

_PAIRS = (
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
    ("weekday weekdays", "weekend weekends"),
    ("added adds", "removed removes"),
    ("stieg steigt gestiegen erhöht", "fiel fällt gefallen gesunken sank verringert"),
    ("augmenté hausse augmente", "baissé baisse diminué diminue"),
)
OPPOSITES = tuple((frozenset(one.split()), frozenset(other.split())) for one, other in _PAIRS)

LANGUAGES = {
    "en": frozenset("the of and to is in that for with are be this was it by from at not have has".split()),
    "de": frozenset(
        "der die das und ist nicht mit von auf für den dem ein eine zu im sind wird auch".split()
    ),
    "fr": frozenset("le la les des et est dans une un pour pas que sur par au aux avec sont ce du".split()),
    "es": frozenset("el los las y es en una un para por con no que del se al su son lo".split()),
    "it": frozenset("il gli e è in una un per con non che della del di sono la le al".split()),
    "nl": frozenset("de het een en is van op niet met voor te zijn dat in wordt aan bij".split()),
}
"""The commonest words, by which a language is told."""
