"""Detect the language of a text or of a question by its commonest small words."""

from __future__ import annotations

import re
from collections import Counter

COMMON_WORDS = {
    "en": "the of and to in is that for it with as was on are be this by from at or an not",
    "fr": "le la les des et en une est que pour dans qui sur par plus au avec ce il sont pas aux vous ne du",
    "de": "der die und das den von zu mit sich des auf für ist im dem nicht ein eine als auch es an aus",
    "es": "el los las que y en una por con para del se no su al como más es este o pero le ha",
    "it": "il di che è per un una con non sono del la della dei nel alla si da al le gli anche più questo ha",
    "pt": "o os que e do da em um uma para com não por mais dos as se na no ao foi sua ou é são",
    "nl": "de het een en van in is dat op te zijn met voor niet aan er om ook als bij door maar naar dan",
}
WORDS_BY_LANGUAGE = {language: frozenset(words.split()) for language, words in COMMON_WORDS.items()}
MIN_WORDS = 20
LANGUAGE_SAMPLE = 40_000  # characters of a document; enough to tell a language
WINNING_MARGIN = 1.25  # sister languages (es/pt, de/nl) share words; a real text wins by far more than this

QUESTION_WORDS = {
    "en": "what which who whose whom when where why how do does did can could may must should i you my "
    "your we our they their he she will would has have had any there if after before into than been "
    "were a much many cost costs",
    "fr": "quel signifie quelle quels quelles combien comment quand où pourquoi quoi lequel laquelle je "
    "mon ma mes ton votre vos nous notre puis peut on faut dois doit y t qu d l j s c n un à sans "
    "chez ses son sa leur si de ai elle cette se depuis chaque a tout toute ont coûte coûtent",
    "de": "was welche welcher welches welchen welchem wer wen wem wie wo wann warum wieso wohin woher "
    "viel viele ich mein meine meinen man kann können muss darf soll wird werden wurde hat haben "
    "bei zum zur beim gibt bekomme kostet kosten wenn nach vor über um ohne sind kein keine keinen "
    "keiner einen einem einer am bis oder",
    "es": "qué cuál cuáles cuánto cuánta cuántos cuándo dónde cómo quién quiénes puedo puede hay mi mis "
    "tiene debo sin la de un a lo son está cuesta",
    "it": "cosa quale quali quanto quanta quanti quando dove come chi perché posso può mio mia c ci devo "
    "senza i lo a in e se nella delle degli costa",
    "pt": "qual quais quanto quanta quantos quando onde como quem posso pode meu minha há tem devo sem a "
    "de está custa nas",
    "nl": "wat welke wie waar wanneer waarom hoe ik mijn je jij we kan kun mag moet wordt worden heb "
    "heeft veel zonder hoeveel of u krijg kost geen",
}
"""Small words of questions, which texts seldom have."""
SMALL_WORDS_OF_QUESTIONS = {
    language: WORDS_BY_LANGUAGE[language] | frozenset(words.split())
    for language, words in QUESTION_WORDS.items()
}
LETTERS = {"fr": "çèêëîïœûæ", "de": "äöüß", "es": "ñ¿¡", "pt": "ãõ"}
"""Letters that the other languages have not, or seldom: they decide between languages that share a word."""
WORD = re.compile(r"[^\W\d_]+")


def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of a text, or "" when it is too short or of an unknown language.

    Counts the most common small words of each language.
    """
    counts = Counter(WORD.findall(text.lower()))
    total = sum(counts.values())
    if total < MIN_WORDS:
        return ""
    scores = sorted(
        ((sum(counts[word] for word in words), language) for language, words in WORDS_BY_LANGUAGE.items()),
        reverse=True,
    )
    (best, language), (second, _) = scores[:2]
    return language if best > total * 0.12 and best >= second * WINNING_MARGIN else ""


def detect_question_language(question: str) -> str:
    """Return the code of a question's language, or "" where its small words do not decide.

    A word of one language only counts twice; at least one such word or two others are needed.
    """
    scores: Counter[str] = Counter()
    for word in WORD.findall(question.lower()):
        languages = [language for language, small in SMALL_WORDS_OF_QUESTIONS.items() if word in small]
        scores.update(dict.fromkeys(languages, 2 if len(languages) == 1 else 1))
    scores.update(
        language for language, letters in LETTERS.items() if not set(letters).isdisjoint(question.lower())
    )
    ranked = scores.most_common(2)
    if not ranked or ranked[0][1] < 2 or (len(ranked) > 1 and ranked[0][1] == ranked[1][1]):
        return ""
    return ranked[0][0]
