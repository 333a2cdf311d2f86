"""Words that stand beside a date, by language: English, and what says it. CLDR has none of them."""

BESIDE: dict[str, dict[str, str]] = {
    "de": {
        "in": "im", "on": "am", "since": "seit", "until": "bis", "between": "zwischen",
        "and": "und", "from": "von", "last": "letzte letzten letzter letztes letztem vergangene "
        "vergangenen vergangenes vorige vorigen voriges", "this": "diese diesen dieser dieses "
        "diesem", "next": "nächste nächsten nächster nächstes", "spring": "frühling frühjahr",
        "summer": "sommer", "autumn": "herbst", "winter": "winter", "weekend": "wochenende",
        "early": "anfang", "mid": "mitte", "late": "ende",
    },
    "fr": {
        "in": "en", "on": "le", "since": "depuis", "until": "jusqu'en jusqu'au", "between": "entre",
        "and": "et", "last": "dernier dernière", "this": "ce cet cette", "next": "prochain "
        "prochaine", "spring": "printemps", "summer": "été", "autumn": "automne",
        "winter": "hiver", "weekend": "week-end", "early": "début", "late": "fin",
    },
    "es": {
        "in": "en", "since": "desde", "until": "hasta", "between": "entre", "and": "y",
        "of": "de del", "last": "pasado pasada último última", "this": "este esta",
        "next": "próximo próxima", "spring": "primavera", "summer": "verano",
        "autumn": "otoño", "winter": "invierno", "2": "dos", "3": "tres", "4": "cuatro",
    },
    "it": {
        "in": "in nel a", "since": "da dal", "until": "fino", "between": "tra", "and": "e",
        "last": "scorso scorsa", "this": "questo questa", "next": "prossimo prossima",
        "spring": "primavera", "summer": "estate", "autumn": "autunno", "winter": "inverno",
    },
    "pt": {
        "in": "em no", "since": "desde", "until": "até", "between": "entre", "and": "e",
        "of": "de do", "last": "passado passada", "this": "este esta", "next": "próximo próxima",
        "spring": "primavera", "summer": "verão", "autumn": "outono", "winter": "inverno",
    },
    "nl": {
        "on": "op", "since": "sinds", "until": "tot", "between": "tussen", "and": "en",
        "last": "vorige afgelopen", "this": "deze dit", "next": "volgende",
        "spring": "lente voorjaar", "summer": "zomer", "autumn": "herfst",
    },
    "ru": {
        "in": "в", "between": "между", "and": "и", "last": "прошлым прошлой "
        "прошлом прошлую прошлый", "this": "этим этой этом этот", "next": "следующий следующую",
        "spring": "весной весну", "summer": "летом лето", "autumn": "осенью осень",
        "winter": "зимой зиму", "january": "январе", "february": "феврале", "march": "марте",
        "april": "апреле", "may": "мае", "june": "июне", "july": "июле", "august": "августе",
        "september": "сентябре", "october": "октябре", "november": "ноябре",
        "december": "декабре",
    },
    "zh": {
        "spring": "春天", "summer": "夏天", "autumn": "秋天", "winter": "冬天", "2": "两",
        "": "的",
    },
    "ja": {"summer": "夏", "winter": "冬", "spring": "春", "autumn": "秋", "": "の"},
    "ko": {"summer": "여름", "winter": "겨울", "autumn": "가을"},
}  # fmt: skip

NOT_TIMES = frozenset({"morgen", "mañana", "amanhã", "domani", "demain"})
"""Tomorrow is never asked of a memory, and some of its names are also mornings."""
