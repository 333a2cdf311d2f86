"""Words are found in the language of their text; where there are no spaces, by characters."""

import pytest

from tests.support.api import Api
from tests.support.memories import recall, remember, somebody
from tests.support.rows import count, new_key, new_project
from tests.support.service import Service
from tests.support.settings import set_own

GERMAN = "Meine Schwester hat gestern zwei Katzen aus dem Tierheim geholt."
FRENCH = "Mes voisins cultivent des tomates dans leur petit jardin depuis trois ans."
SPANISH = "Ayer mis primos compraron unas bicicletas nuevas para el viaje."
RUSSIAN = "Вчера мы с братом ходили на выставку старых автомобилей."
TURKISH = "Geçen hafta arkadaşlarım bana eski kitaplarını getirdi."
POLISH = "Moja siostra ma alergię na orzechy i nie może ich jeść."
CHINESE = "我妹妹住在上海三年了，她养了一只狗。"
JAPANESE = "昨日、京都の古い寺で友達と写真を撮りました。"
KOREAN = "어제 친구들과 부산에서 맛있는 음식을 먹었어요."
THAI = "เมื่อวานฉันไปกินข้าวกับเพื่อนที่เชียงใหม่"
MIXED = "我们用 Docker containers 部署了新的网站"
ENGLISH = "Yesterday the neighbours planted strawberries behind the house."

EVERYTHING = [
    *(GERMAN, FRENCH, SPANISH, RUSSIAN, TURKISH, POLISH, ENGLISH),
    *(CHINESE, JAPANESE, KOREAN, THAI, MIXED),
]


@pytest.fixture
def me() -> str:
    return somebody()


@pytest.fixture
def mine(api: Api, me: str) -> Api:
    return api.as_user(me)


async def by_words(api: Api, query: str) -> list[str]:
    """What is found by words, the best first."""
    found = (await recall(api, query, explain=True, limit=50))["data"]
    ranked = {
        f["signals"]["words"]["rank"]: f["memory"]["content"]
        for f in found
        if f["signals"]["words"]["rank"] is not None
    }
    return [ranked[rank] for rank in sorted(ranked)]


@pytest.mark.parametrize(
    ("said", "query"),
    [
        (GERMAN, "Hat jemand eine Katze?"),
        (FRENCH, "Qui cultive une tomate ?"),
        (SPANISH, "¿Quién compró una bicicleta?"),
        (RUSSIAN, "Где мы видели старый автомобиль?"),
        (TURKISH, "Kim bana kitap getirdi?"),
        (CHINESE, "谁住在上海？"),
        (CHINESE, "狗"),
        (JAPANESE, "京都で何をしましたか"),
        (JAPANESE, "写真"),
        (KOREAN, "부산은 어땠어요?"),
        (KOREAN, "음식"),
        (THAI, "เชียงใหม่"),
        (MIXED, "Which container?"),
        (MIXED, "网站"),
        (ENGLISH, "Who plants a strawberry?"),
    ],
)
async def test_another_form_of_a_word_is_found_in_a_scope_of_many_languages(
    mine: Api, said: str, query: str
) -> None:
    await remember(mine, *EVERYTHING)
    assert (await by_words(mine, query))[0] == said


async def test_a_language_without_stemming_is_found_word_by_word(mine: Api) -> None:
    await remember(mine, POLISH)
    assert await by_words(mine, "orzechy") == [POLISH]
    assert await by_words(mine, "orzech") == []


async def test_a_name_is_found_in_every_language(mine: Api) -> None:
    said = [
        "Gestern habe ich mit Quilberta im Garten gesessen und geredet.",
        "Hier j'ai parlé avec Quilberta pendant deux heures au jardin.",
        "昨天我和Quilberta一起吃饭",
    ]
    await remember(mine, *said)
    assert sorted(await by_words(mine, "What did Quilberta say?")) == sorted(said)


async def test_short_texts_are_in_the_language_of_the_others(mine: Api) -> None:
    await remember(mine, GERMAN, "Mein Bruder wohnt seit drei Jahren in Hamburg.")
    await remember(mine, "Häuser")
    assert await by_words(mine, "Haus") == ["Häuser"]


async def test_a_setting_names_the_language(api: Api, backstory: Service) -> None:
    project = await new_project(backstory)
    scopes = ("memory:write", "memory:read", "settings")
    own = api.with_key(await new_key(backstory, *scopes, project=project))
    await remember(own, "Häuser")
    assert await by_words(own, "Haus") == []
    await set_own(own, {"memory_language": "de"})
    await remember(own, "Häuser!")
    assert await by_words(own, "Haus") == ["Häuser!"]


async def test_counts_follow_what_is_there(mine: Api, me: str, backstory: Service) -> None:
    await remember(mine, *EVERYTHING)
    first, second = await remember(mine, GERMAN, CHINESE)
    await remember(mine, FRENCH, external_id="x")
    await remember(mine, MIXED, external_id="x")
    assert (
        await mine.send("PATCH", f"/v1/memories/{first['id']}", {"content": JAPANESE})
    ).status == 200
    await mine.delete(f"/v1/memories/{second['id']}")
    assert await count(backstory, COUNTED, me) == 0
    assert await count(backstory, LANGUAGES, me) >= 7


COUNTED = """
    WITH mine AS (
        SELECT m.user_id, m.language, m.words,
               (SELECT ceil(sum(t.words)) FROM memory_terms(m.language, m.speaker, m.content) t)
                   AS words_now,
               (SELECT count(*) FROM memory_terms(m.language, m.speaker, m.content)) AS terms_now,
               (SELECT count(*) FROM memory_postings p WHERE p.memory_id = m.memory_id) AS terms
        FROM memories m JOIN users u USING (project_id, user_id) WHERE u.external_id = $1
    )
    SELECT (SELECT count(*) FROM mine WHERE words <> words_now OR terms <> terms_now)
        + (SELECT count(*) FROM (
              SELECT user_id, count(*) AS memories, sum(words) AS words FROM mine GROUP BY user_id
          ) c JOIN memory_scopes s USING (user_id)
          WHERE (s.memories, s.words) IS DISTINCT FROM (c.memories, c.words))
        + (SELECT count(*) FROM (
              SELECT user_id, language, count(*) AS memories FROM mine GROUP BY 1, 2
          ) c FULL JOIN (
              SELECT l.user_id, l.language, l.memories FROM memory_languages l
              WHERE l.user_id IN (SELECT user_id FROM mine) AND l.memories <> 0
          ) l USING (user_id, language)
          WHERE l.memories IS DISTINCT FROM c.memories)"""
LANGUAGES = """
    SELECT count(*) FROM memory_languages l JOIN users u USING (user_id)
    WHERE u.external_id = $1 AND l.memories > 0"""


async def test_two_characters_are_about_a_word(mine: Api, me: str, backstory: Service) -> None:
    await remember(mine, "上海的天气很好")
    assert await count(backstory, WORDS, me) == 4


async def test_every_word_of_a_long_text_counts(mine: Api, me: str, backstory: Service) -> None:
    """A tsvector tells no places beyond 16,383."""
    await remember(mine, " ".join(f"{n % 90 + 10}" for n in range(20_000)) + " Zanzibar")
    assert await count(backstory, WORDS, me) == 20_001
    assert await by_words(mine, "Where is Zanzibar?")


WORDS = "SELECT words FROM memories JOIN users u USING (user_id) WHERE u.external_id = $1"


async def test_a_long_query_is_searched_by_its_rarest_words(mine: Api) -> None:
    await remember(mine, *(f"The common thing number {n} is here." for n in range(60)))
    await remember(mine, "Grelnik paid it.")
    words = " ".join(f"a common thing made{n}" for n in range(2_500))
    assert (await by_words(mine, f"{words} So what did Grelnik pay?"))[0] == "Grelnik paid it."


async def test_what_tells_nothing_is_no_error(mine: Api) -> None:
    await remember(mine, "🙂", "…", "ㄱ", "\u0e31")
    assert (await by_words(mine, "?!")) == []


@pytest.mark.parametrize(
    ("query", "since"),
    [
        ("Was habe ich letzten Mai über den Garten gesagt?", "2023-05-20"),
        ("Qu'ai-je dit du Garten le 2 février 2023 ?", "2023-02-02"),
        ("What did I say of the Garten two weeks before the Hochzeit?", "2023-03-18"),
    ],
)
async def test_a_time_is_heard_in_other_languages(mine: Api, query: str, since: str) -> None:
    days = ["2023-02-02", "2023-03-18", "2023-05-20"]
    for day in days:
        await remember(mine, f"Der Garten war schön ({day}).", occurred_at=f"{day}T12:00:00Z")
    await remember(mine, "Heute war die Hochzeit!", occurred_at="2023-04-01T12:00:00Z")
    found = (await recall(mine, query, explain=True, as_of="2023-06-15T12:00:00Z"))["data"]
    then = [f["memory"]["occurred_at"] for f in found if f["signals"]["points"].get("said_then")]
    assert [time[:10] for time in then] == [since]
