"""What is not worth keeping, whatever supports it."""

from app.facts.english import PRONOUN, SMALL_TALK, UNNAMED
from app.facts.types import Proposed, Refusal

FACT_CHARS_MAX = 300

SELF = frozenset(
    {"user", "the user", "speaker", "the speaker", "human", "i", "me", "you", "we"}
    | {"der nutzer", "die nutzerin", "nutzer", "benutzer", "el usuario", "la usuaria", "usuario"}
    | {"l'utilisateur", "utilisateur", "utilisatrice", "l'utente", "utente", "o usuário", "usuário"}
    | {"gebruiker", "de gebruiker", "пользователь", "用户", "用戶", "ユーザー", "사용자"}
)
"""How engines call who speaks."""
ASSISTANT = frozenset(
    {"assistant", "the assistant", "ai", "the ai", "ai assistant", "bot", "chatbot", "model"}
    | {"the model", "system", "the system", "language model", "helper", "the chatbot"}
)
ARTICLES = ("the ", "a ", "an ")


def plain_subject(subject: str) -> str:
    """By which facts about one subject meet; whoever speaks without a name is `user`."""
    low = " ".join(subject.casefold().split()).strip(" .'\"")
    if low in SELF:
        return "user"
    for article in ARTICLES:
        low = low.removeprefix(article)
    return low


def not_worth_keeping(fact: Proposed) -> Refusal | None:
    """Why not, or None."""
    if len(fact.text) > FACT_CHARS_MAX:
        return "too_long"
    if not fact.lasting:
        return "passing"
    if fact.subject.casefold().strip() in ASSISTANT or fact.text.casefold().startswith(
        ("the assistant", "assistant ", "the ai ")
    ):
        return "about_assistant"
    if SMALL_TALK.search(fact.text):
        return "small_talk"
    if "?" in fact.text or PRONOUN.search(fact.text) or UNNAMED.search(fact.text):
        return "not_standalone"
    return None
