"""What English says in other words, and who speaks of whom. Other languages do without: of them
more is refused, and nothing more is believed."""

import re

SENSES = (
    ("live", "resid", "move", "reloc", "settl", "home", "base"),
    ("work", "job", "employ", "career", "profess", "occup"),
    ("like", "love", "enjoy", "ador", "fan", "fond", "favorit", "favourit", "prefer"),
    ("dislik", "hate", "detest", "loath"),
    ("child", "children", "kid"),
    ("mother", "mom", "mum"),
    ("father", "dad"),
    ("marri", "spous", "wed"),
    ("buy", "bought", "purchas"),
    ("get", "got", "gotten", "receiv"),
    ("begin", "began", "begun", "start"),
    ("end", "finish", "complet"),
    ("make", "made", "creat"),
    ("go", "went", "gone", "visit", "travel", "attend", "trip"),
    ("see", "saw", "seen", "watch"),
    ("write", "wrote", "written"),
    ("teach", "taught", "teacher"),
    ("learn", "studi", "student", "cours"),
    ("give", "gave", "given"),
    ("run", "ran", "runner"),
    ("eat", "ate", "eaten"),
    ("win", "won"),
    ("meet", "met"),
    ("allerg", "allergi"),
    ("big", "larg"),
    ("ill", "sick"),
    ("flat", "apart", "apartment"),
    ("film", "movi"),
    ("born", "birthday", "birth"),
)
"""Stems, as Postgres makes them, that may stand for one another."""

LIGHT = frozenset(
    {"have", "own", "be", "do", "get", "got", "year", "old", "current", "also", "usual"}
    | {"person", "user", "name", "call"}
)
"""Stems that a fact may add: they say little by themselves."""

IMPERATIVE = re.compile(
    r"^(?:please|always|never|from now on|do not|don['\u2019]t|remember|answer|reply|respond|write|"
    r"use|call me|speak|keep)\b",
    re.IGNORECASE,
)
ASKED_FOR = frozenset({"want", "prefer", "like", "ask", "expect", "request", "wish"})
"""How a fact tells what a sentence asks for: stems that it may add then."""

NUMBER_WORDS = {
    "zero": "0",
    "one": "1",
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
    "thirteen": "13",
    "fourteen": "14",
    "fifteen": "15",
    "sixteen": "16",
    "seventeen": "17",
    "eighteen": "18",
    "nineteen": "19",
    "twenty": "20",
    "thirty": "30",
    "forty": "40",
    "fifty": "50",
    "hundred": "100",
    "thousand": "1000",
}

PRONOUN = re.compile(
    r"\bI\b|\bI['\u2019]|\b(?:my|mine|myself|we|our|ours|me)\b|\b[Yy](?:ou|our|ours)\b"
)
"""Words of who speaks: a fact with them cannot be understood alone."""
UNNAMED = re.compile(
    r"^(?:he|she|it|they|this|that|these|those|there|here|his|her|their|its)\b", re.IGNORECASE
)

SMALL_TALK = re.compile(
    r"^.{0,60}?\b(?:(?:is|was|are|were)\s+)?(?:says?|said|saying|asks?|asked|asking|greets?|greeted|"
    r"greeting|thanks?|thanked|thanking|mentions?|mentioned|repl(?:y|ies|ied)|responds?|responded|"
    r"wonders?|wondered|inquires?|inquired|tells?|told|agrees?|agreed|compliments?|complimented|"
    r"congratulates?|congratulated|wants? to know|wanted to know|talks?|talked|talking|chats?|"
    r"chatted|chatting|is curious|sends? (?:a )?(?:message|greetings?)|"
    r"is (?:happy|glad|excited|pleased) to (?:see|hear|talk|help|meet))\b",
    re.IGNORECASE,
)
"""That something was said, whatever it was, is no fact about anybody."""

OF_ASSISTANT = re.compile(
    r"^(?:you are|you're|act as|your (?:task|role|job|goal) is|as an ai)\b", re.IGNORECASE
)
"""A system prompt that a user's message restates."""

NEGATION = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|\w+n['\u2019]t|dont|doesnt|isnt|"
    r"cant|wont|hardly|barely|anymore|no longer)\b"
    r"|\b(?:nicht|kein\w*|nie|niemals|ohne|ne|pas|jamais|aucune?|sans|nunca|sin|nada|tampoco|non|"
    r"mai|senza|não|nunca|sem|niet|geen|nooit|zonder|не|нет|никогда|без)\b"
    r"|[不没沒無无未]|ない|ません|なかった|않|안\s|못",
    re.IGNORECASE,
)

UNCERTAIN = re.compile(
    r"\b(?:if|wish(?:es|ed)?|imagine|suppose|pretend|hop(?:e|es|ing)|maybe|perhaps|might|may be|"
    r"probably|possibly|think(?:s|ing)? (?:of|about)|consider(?:s|ing)?|would|could|should|"
    r"planning|plans?|want(?:s|ed)? to|going to|'ll|will)\b",
    re.IGNORECASE,
)
"""What is wished, planned or only possible: a fact says so too."""

OWN_SUBJECT = re.compile(r"\b(?:I|we|We)\b|\bI['\u2019]")
OWNED = re.compile(r"\b(?:my|our)\s+([\w'\u2019-]+)", re.IGNORECASE)

SAID_OF = re.compile(r"\s+(?:but|although|though|however|whereas|while)\s+", re.IGNORECASE)
CLAUSE = re.compile(r"[,;:]\s+|\s+(?:and|so|because|since)\s+(?=(?:I|we|he|she|they|it|my)\b)")


def _senses() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for group in SENSES:
        for stem in group:
            found.setdefault(stem, set()).update(group)
    return {stem: frozenset(stems) for stem, stems in found.items()}


ALIKE = _senses()
