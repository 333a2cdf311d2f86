"""All conversations, and those in which something was said."""

from pathlib import Path
from urllib.parse import quote

import msgspec

from tests.support.api import Api, Json, message, open_api
from tests.support.conversations import add, fork, items_of, new_conversation
from tests.support.memories import embedded, somebody
from tests.support.rows import new_key
from tests.support.service import Service, run_service

BEES = "Honey is made of nectar that the workers carry home"
CARS = "The gearbox of my old Volvo is broken again"
BREAD = "Sourdough needs a long rest in a cold kitchen"


async def listed(api: Api, query: str = "") -> list[str]:
    reply = await api.get(f"/v1/conversations?{query}")
    assert reply.status == 200, reply.raw
    return [str(found["id"]) for found in reply.body["data"]]


async def search(api: Api, query: str, more: str = "") -> list[Json]:
    reply = await api.get(f"/v1/conversations?query={quote(query)}{more}")
    assert reply.status == 200, reply.raw
    data: list[Json] = reply.body["data"]
    return data


async def found(api: Api, query: str) -> list[str]:
    return [str(one["id"]) for one in await search(api, query)]


async def test_lists_page_both_ways(api: Api) -> None:
    user = api.as_user(somebody())
    made = [await new_conversation(user, title=str(n)) for n in range(5)]
    assert await listed(user) == made[::-1]
    assert await listed(user, "order=asc&limit=2") == made[:2]
    assert await listed(user, f"limit=2&after={made[3]}") == [made[2], made[1]]
    assert await listed(user, f"limit=2&before={made[1]}") == [made[3], made[2]]
    reply = await user.get("/v1/conversations?limit=1")
    assert (reply.body["has_more"], reply.body["data"][0]["title"]) == (True, "4")


async def test_lists_are_of_one_user(api: Api, backstory: Service) -> None:
    name = somebody()
    alice, bob = api.as_user(name), api.as_user(somebody())
    hers = await new_conversation(alice)
    assert await listed(bob) == []
    assert await listed(api, f"user={name}") == [hers]
    assert hers not in await listed(api)
    assert (await api.get("/v1/conversations?user=*")).status == 403
    admin = api.with_key(await new_key(backstory, "engine", "admin"))
    whole = (await admin.get("/v1/conversations?user=*&limit=1")).body["data"]
    assert [(one["id"], one["user"]) for one in whole] == [(hers, name)]


async def test_found_by_words_and_by_meaning(api: Api, backstory: Service) -> None:
    name = somebody()
    user = api.as_user(name)
    bees, cars, bread = [
        await new_conversation(user, items=[message("Hello"), message(text)])
        for text in (BEES, CARS, BREAD)
    ]
    await embedded(backstory, name, 6)
    assert (await found(user, "Volvo"))[0] == cars
    assert (await found(user, "insects that collect pollen"))[0] == bees
    assert await found(user, "baking a loaf") == [bread]
    assert await found(user, "quantum chromodynamics") == []
    (best, *_) = await search(user, "gearbox")
    assert best["match"]["item_id"] == (await items_of(user, cars))[1]["id"]
    assert best["match"]["text"] == CARS
    assert best["match"]["role"] == "user"
    assert await found(api.as_user(somebody()), "Volvo") == []
    reply = await user.get("/v1/conversations?query=hello&limit=2")
    assert (len(reply.body["data"]), reply.body["has_more"]) == (2, True)
    assert reply.body["vectors"] == "used"


async def test_what_is_shared_is_found_where_it_was_said_or_goes_on(
    api: Api, backstory: Service
) -> None:
    name = somebody()
    user = api.as_user(name)
    conversation = await new_conversation(user, items=[message(CARS)])
    twin = await fork(user, conversation, title="Twin")
    await add(user, twin, message(BREAD))
    await embedded(backstory, name, 2)
    assert await found(user, "Volvo") == [conversation]
    assert await found(user, "sourdough") == [twin]
    await user.delete(f"/v1/conversations/{conversation}")
    assert await found(user, "Volvo") == [twin]
    grandchild = await fork(user, twin, title="Its twin")
    await user.delete(f"/v1/conversations/{twin}")
    assert await found(user, "Volvo") == [grandchild]
    assert await found(user, "sourdough") == [grandchild]


async def test_a_response_of_its_own_is_found_where_it_goes_on(
    api: Api, backstory: Service
) -> None:
    name = somebody()
    user = api.as_user(name)
    await user.respond(CARS)
    assert await found(user, "Volvo") == []
    answer = message(f"You said: {CARS}", "assistant")
    reply = await user.create([message(CARS), answer, message("And now?")])
    await embedded(backstory, name, 4)
    assert await found(user, "Volvo") == [reply.headers["Backstory-Conversation"]]


async def test_many_matches_in_one_do_not_hide_the_others(api: Api, backstory: Service) -> None:
    name = somebody()
    user = api.as_user(name)
    small = await new_conversation(user, items=[message("Somewhere in here there is one zebra")])
    large = await new_conversation(user)
    for _ in range(6):
        await add(user, large, *(message("zebra zebra") for _ in range(20)))
    await embedded(backstory, name, 121)
    assert await found(user, "zebra") == [large, small]


async def test_without_the_embedder_words_find(
    backstory: Service, api: Api, tmp_path: Path
) -> None:
    name = somebody()
    conversation = await new_conversation(api.as_user(name), items=[message(CARS)])
    await embedded(backstory, name, 1)
    config = msgspec.structs.replace(backstory.config, data_dir=tmp_path)
    async with run_service(backstory.urls, config) as service, open_api(service) as other:
        user = other.as_user(name).with_key(api.key)
        reply = await user.get("/v1/conversations?query=volvo")
    assert [one["id"] for one in reply.body["data"]] == [conversation]
    assert reply.body["vectors"] == "unavailable"


async def test_a_search_says_what_it_cannot(api: Api) -> None:
    for query, param in (
        ("query=", "query"),
        ("query=x&after=conv_1", "after"),
        ("query=x&order=asc", "order"),
        ("query=x&limit=0", "limit"),
        ("after=conv_1", "after"),
    ):
        reply = await api.get(f"/v1/conversations?{query}")
        assert (reply.status, reply.error["param"]) == (400, param)
