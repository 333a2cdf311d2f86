"""What a query asks for, by its form alone."""

import re

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_ANYTHING = frozenset(
    _WORD.findall(
        """
        what what's whats which who where how i i'm i've me my mine myself we us our you your
        he she they him her them his their it its that this these those there the a an any some
        all much anything something everything thing things stuff else new news update updates
        event events memory memories topic topics summary overview recap list

        am is are was were be been being do did does doing done have has had having can could
        would will up to go going goes gone went on off happen happened happens happening occur
        occurred

        say said says tell told talk talked talking speak spoke discuss discussed mention
        mentioned ask asked remember recall remind know please about of in at for with and or
        from so over conversation conversations chat chats session sessions during back then

        was wer wo wie habe hab haben hatte hatten bin ist sind war waren ich mich mir wir uns du
        er sie es alles etwas gemacht getan passiert geschehen gesagt erzählt gesprochen
        besprochen los und mit mein meine

        que qu'est ce quoi qui où comment ai as a avons avez ont je j'ai nous tu vous il elle on
        tout fait faire passé s'est est dit parlé raconté et avec

        qué quién dónde cómo he hice hizo hicimos hicieron hemos ha pasó pasado ocurrió dije dijo
        hablamos contamos yo nosotros todo algo y con
        """
    )
)
"""Words that say nothing of what is looked for: who asks, and for what sort of thing; being, doing
and happening; talking of it; the like in German, French and Spanish."""

_WHEN = re.compile(
    r"^\W*(?:(?:since|until|by) )?when\b|\bwhat (?:date|day|month|year|time)\b|\bhow long\b"
    r"|\bwhich (?:day|month|year)\b",
    re.IGNORECASE,
)


def asks_when(query: str) -> bool:
    """Whether the answer is a time. English only: elsewhere nothing is preferred."""
    return bool(_WHEN.search(query))


def asks_for_anything(query: str) -> bool:
    """Whether it names nothing that is looked for: "what did I do" (last week). In languages other
    than English, German, French and Spanish it seems to name something."""
    words = _WORD.findall(query.lower().replace("\u2019", "'"))
    return all(word in _ANYTHING for word in words)
