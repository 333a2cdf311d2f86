"""Forks: another head on what was said so far."""

from tests.support.api import Api, message
from tests.support.conversations import (
    add,
    fork,
    items_of,
    new_conversation,
    posted,
    said,
    said_in,
)
from tests.support.engine import FakeEngine
from tests.support.heard import heard_once, something, texts
from tests.support.memories import somebody
from tests.support.rows import count
from tests.support.service import Service


async def test_a_fork_at_the_head_shares_all(api: Api, backstory: Service) -> None:
    word = something().split()[1]
    conversation = await new_conversation(api, items=[message(f"{word} {n}") for n in range(5)])
    twin = await fork(api, conversation, metadata={"of": conversation}, title="Twin")
    assert await items_of(api, twin) == await items_of(api, conversation)
    rows = "SELECT count(*) FROM contents WHERE body::text LIKE '%' || $1 || '%'"
    assert await count(backstory, rows, word) == 5
    found = (await api.get(f"/v1/conversations/{twin}")).body
    assert (found["metadata"], found["title"]) == ({"of": conversation}, "Twin")


async def test_both_go_on_apart(api: Api, shared_engine: FakeEngine) -> None:
    word = something()
    conversation = await new_conversation(api)
    await api.respond(f"{word} one", conversation=conversation)
    twin = await fork(api, conversation)
    await add(api, twin, message(f"{word} theirs"))
    await api.respond(f"{word} ours", conversation=conversation)
    await api.respond(f"{word} more theirs", conversation=twin)
    assert texts(heard_once(shared_engine, f"{word} more theirs")["input"])[::2] == [
        f"user: {word} one",
        f"user: {word} theirs",
    ]
    assert f"{word} theirs" not in await said_in(api, conversation)
    assert f"{word} ours" not in await said_in(api, twin)


async def test_a_fork_in_the_middle_of_a_turn(api: Api, shared_engine: FakeEngine) -> None:
    word = something()
    conversation = await new_conversation(api, items=[message(f"{n}") for n in range(4)])
    items = await items_of(api, conversation)
    twin = await fork(api, conversation, item_id=items[1]["id"])
    assert await items_of(api, twin) == items[:2]
    await api.respond(word, conversation=twin)
    assert texts(heard_once(shared_engine, word)["input"]) == [
        "user: 0",
        "user: 1",
        f"user: {word}",
    ]
    assert await items_of(api, conversation) == items


async def test_forks_of_forks_page_over_all_branches(api: Api) -> None:
    conversation = await new_conversation(api, items=[message("0"), message("1"), message("x")])
    for n in range(2, 8):
        items = await items_of(api, conversation)
        conversation = await fork(api, conversation, item_id=items[-2]["id"])
        await add(api, conversation, message(str(n)), message("x"))
    numbers = [str(n) for n in range(8)]
    assert await said_in(api, conversation) == [*numbers, "x"]
    newest = await items_of(api, conversation, "limit=4")
    assert said(*newest) == ["x", "7", "6", "5"]
    older = await items_of(api, conversation, f"limit=100&after={newest[-1]['id']}")
    assert said(*older) == ["4", "3", "2", "1", "0"]


async def test_a_client_without_state_is_not_led_into_a_fork(api: Api) -> None:
    user = api.as_user(somebody())
    word = something()
    history = [message(word), message("fine", "assistant"), message("again")]
    first = await user.create(history)
    conversation = first.headers["Backstory-Conversation"]
    await fork(user, conversation)
    answer = message(f"You said: {history[-1]['content'][0]['text']}", "assistant")
    second = await user.create([*history, answer, message("and again")])
    assert second.headers["Backstory-Conversation"] == conversation


async def test_a_fork_of_nothing_is_empty(api: Api) -> None:
    conversation = await new_conversation(api)
    twin = await fork(api, conversation)
    await add(api, conversation, message("one"))
    assert await items_of(api, twin) == []


async def test_a_fork_names_an_item_of_its_conversation(api: Api) -> None:
    conversation = await new_conversation(api, items=[message("one")])
    other = await new_conversation(api, items=[message("two")])
    foreign = (await items_of(api, other))[0]["id"]
    for item_id in (foreign, "msg_none"):
        reply = await api.send(
            "POST", f"/v1/conversations/{conversation}/fork", {"item_id": item_id}
        )
        assert reply.status == 404
        assert reply.error["code"] == "item_not_found"


async def test_a_fork_belongs_to_the_owner(api: Api) -> None:
    alice = api.as_user(somebody())
    conversation = await new_conversation(alice, items=[message("one")])
    twin = await fork(api, conversation)
    assert await said_in(alice, twin) == ["one"]
    keyed = alice.with_headers({"Idempotency-Key": something()})
    once = await posted(keyed, f"/{conversation}/fork", {})
    assert (await posted(keyed, f"/{conversation}/fork", {}))["id"] == once["id"]
