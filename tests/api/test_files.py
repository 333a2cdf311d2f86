"""/v1/files: OpenAI's own SDK, bad uploads, and the walls."""

import asyncio
from urllib.parse import quote

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError

from tests.support.api import Api
from tests.support.files import upload, uploaded
from tests.support.images import KINDS, bomb, image, large_image
from tests.support.rows import connected, count, new_key, new_project, tables_with
from tests.support.service import Service

BYTES_OF = "SELECT coalesce(sum(octet_length(data)), 0)::int FROM blobs WHERE sha256 = sha256($1)"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_sdk_uploads_reads_and_deletes(openai: AsyncOpenAI, kind: str) -> None:
    data = image(kind)
    made = await openai.files.create(file=("bild ü.dat", data), purpose="vision")
    assert (made.id[:5], made.object, made.bytes) == ("file-", "file", len(data))
    assert (made.filename, made.purpose, made.status) == ("bild ü.dat", "vision", "processed")
    assert made.expires_at is None
    assert await openai.files.retrieve(made.id) == made
    content = await openai.files.content(made.id)
    assert content.read() == data
    assert content.response.headers["content-type"] == KINDS[kind]
    deleted = await openai.files.delete(made.id)
    assert (deleted.id, deleted.deleted, deleted.object) == (made.id, True, "file")
    with pytest.raises(NotFoundError):
        await openai.files.retrieve(made.id)


async def test_a_large_file_comes_back_whole(openai: AsyncOpenAI) -> None:
    data = large_image(5 * 2**20 + 7)
    made = await openai.files.create(file=data, purpose="user_data")
    assert (await openai.files.content(made.id)).read() == data


async def test_lists_page_by_themselves(backstory: Service, api: Api) -> None:
    key = await new_key(backstory, "engine", project=await new_project(backstory))
    async with AsyncOpenAI(base_url=backstory.base_url, api_key=key) as client:
        made = [await client.files.create(file=image(), purpose="vision") for _ in range(5)]
        other = await client.files.create(file=image(), purpose="user_data")
        listed = [file.id async for file in client.files.list(purpose="vision", limit=2)]
        assert listed == [file.id for file in reversed(made)]
        oldest = await client.files.list(order="asc", limit=1)
        assert (oldest.data[0].id, oldest.has_more) == (made[0].id, True)
        assert (await client.files.list()).data[0].id == other.id
        with pytest.raises(BadRequestError, match="file-…"):
            await client.files.list(after="nonsense")


async def test_the_same_bytes_are_stored_once(backstory: Service, api: Api) -> None:
    alice, bob, data = api.as_user("alice"), api.as_user("bob"), image()
    first, second = await uploaded(alice, data), await uploaded(alice, data)
    third = await uploaded(bob, data)
    assert len({first["id"], second["id"], third["id"]}) == 3
    assert await count(backstory, BYTES_OF, data) == 2 * len(data)
    await alice.delete(f"/v1/files/{first['id']}")
    assert (await alice.get(f"/v1/files/{second['id']}/content")).raw == data
    await alice.delete(f"/v1/files/{second['id']}")
    assert await count(backstory, BYTES_OF, data) == len(data)
    await bob.delete(f"/v1/files/{third['id']}")
    assert not await tables_with(backstory, data.hex())


async def test_another_users_file_is_as_if_it_were_not_there(backstory: Service, api: Api) -> None:
    alice, bob = api.as_user("alice"), api.as_user("bob")
    file = await uploaded(api, image(), user="alice")
    elsewhere = api.with_key(
        await new_key(backstory, "engine", project=await new_project(backstory))
    )
    for stranger in (bob, elsewhere):
        for path in (f"/v1/files/{file['id']}", f"/v1/files/{file['id']}/content"):
            reply = await stranger.get(path)
            assert (reply.status, reply.error["code"]) == (404, "file_not_found")
        assert (await stranger.delete(f"/v1/files/{file['id']}")).status == 404
        assert file["id"] not in (await stranger.get("/v1/files?limit=100")).raw.decode()
    assert file["id"] not in (await api.get("/v1/files?limit=100")).raw.decode()
    assert file["id"] in (await alice.get("/v1/files?limit=100")).raw.decode()
    assert (await api.get(f"/v1/files/{file['id']}")).body == file  # a key that names no user
    assert (await api.get("/v1/files?user=*")).status == 403
    admin = api.with_key(await new_key(backstory, "engine", "admin"))
    assert file["id"] in (await admin.get("/v1/files?user=*&limit=100")).raw.decode()
    assert (await api.with_key(await new_key(backstory)).get("/v1/files")).status == 403


async def test_an_upload_happens_once_for_a_key(api: Api) -> None:
    keyed, data = api.with_headers({"Idempotency-Key": image().hex()[-60:]}), image()
    first, again = await uploaded(keyed, data), await uploaded(keyed, data)
    assert first == again
    assert (await upload(keyed, image())).status == 422
    assert (await upload(keyed.as_user("alice"), data)).status == 422


async def test_a_file_expires(backstory: Service, openai: AsyncOpenAI) -> None:
    data = image()
    made = await openai.files.create(
        file=data, purpose="vision", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert made.expires_at == made.created_at + 3600
    kept = await openai.files.create(file=image(), purpose="vision")
    async with connected(backstory.urls.owner) as conn:
        await conn.execute(
            "UPDATE files SET expires_at = now() - interval '1 s' WHERE sha256 = sha256($1)", data
        )
        with pytest.raises(NotFoundError):
            await openai.files.retrieve(made.id)
        assert await tables_with(backstory, data.hex()) == {"blobs"}
        while await conn.fetchval("SELECT drop_expired_files(1)"):
            pass
    assert not await tables_with(backstory, data.hex())
    assert await openai.files.retrieve(kept.id) == kept


BAD_IMAGES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty_image_file"),
    "text": (b"hello, I am a picture", "invalid_image_format"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "invalid_image_format"),
    "bmp": (b"BM" + bytes(60), "invalid_image_format"),
    "pdf": (b"%PDF-1.7\n", "invalid_image_format"),
    "only a head": (image()[:20], "image_parse_error"),
    "a wrong checksum": (image()[:45] + b"\xff" + image()[46:], "image_parse_error"),
    "a bomb": (bomb(), "image_too_large"),
    "too large": (large_image(10 * 2**20), "image_file_too_large"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
async def test_what_is_no_image_is_refused(api: Api, name: str) -> None:
    data, code = BAD_IMAGES[name]
    reply = await upload(api, data)
    assert (reply.status, reply.error["param"], reply.error["code"]) == (400, "file", code)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"purpose": "assistants"}, "purpose"),
        ({"purpose": "fine-tune"}, "purpose"),
        ({"purpose": ""}, "purpose"),
        ({"user": ""}, "user"),
        ({"user": "a\x00b"}, "user"),
        ({"color": "red"}, "color"),
        ({"expires_after[seconds]": "3600"}, "expires_after[anchor]"),
        ({"expires_after[anchor]": "created_at"}, "expires_after[seconds]"),
        *(
            (
                {"expires_after[anchor]": "created_at", "expires_after[seconds]": seconds},
                "expires_after[seconds]",
            )
            for seconds in ("3599", "2592001", "-1", "1e4", "9" * 40, "٣٦٠٠")
        ),
    ],
)
async def test_wrong_fields_are_refused(api: Api, fields: dict[str, str], param: str) -> None:
    reply = await upload(api, image(), **fields)
    assert (reply.status, reply.error["param"]) == (400, param)


PART = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
FILE = PART % (b"file", b'; filename="a.png"', image())
PURPOSE = PART % (b"purpose", b"", b"vision")


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
        ("multipart/form-data; boundary=b", PURPOSE + b"--b--\r\n"),
        ("multipart/form-data; boundary=b", FILE + b"--b--\r\n"),
        ("multipart/form-data; boundary=b", FILE + PURPOSE),
        ("multipart/form-data; boundary=b", FILE + FILE + PURPOSE + b"--b--\r\n"),
        ("multipart/form-data; boundary=b", FILE + PURPOSE + PURPOSE + b"--b--\r\n"),
        ("multipart/form-data; boundary=b", FILE + PART % (b"purpose", b"", b"\xff") + b"--b--"),
        (
            "multipart/form-data; boundary=b",
            PURPOSE + PART % (b"file", b"", image()) + b"--b--\r\n",
        ),
        (
            "multipart/form-data; boundary=b",
            PART % (b"purpose", b'; filename="p"', b"vision") + FILE + b"--b--\r\n",
        ),
        ("multipart/form-data; boundary=\xff", FILE + PURPOSE + b"--b--\r\n"),
        ("application/x-www-form-urlencoded", b"purpose=vision&file=a"),
    ],
)
async def test_a_broken_form_is_refused(api: Api, content_type: str, data: bytes) -> None:
    reply = await api.send_raw("POST", "/v1/files", data, content_type)
    assert (reply.status, reply.error["type"]) == (400, "invalid_request_error"), reply.raw


async def test_a_body_above_the_limit_is_a_413(backstory: Service, api: Api) -> None:
    reply = await upload(api, bytes(backstory.config.body_bytes_max))
    assert (reply.status, reply.error["code"]) == (413, "request_too_large")


async def test_a_name_keeps_only_its_last_part(api: Api) -> None:
    names = {"../../etc/passwd": "passwd", "x/y/é.png": "é.png", "a/": "image"}
    for given, kept in names.items():
        file = (await upload(api, image(), given)).body
        assert file["filename"] == kept
        answer = await api.get(f"/v1/files/{file['id']}/content")
        assert (
            answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(kept)}"
        )
    assert len((await upload(api, image(), "x" * 300)).body["filename"]) == 255


async def test_uploads_and_deletions_at_once_lose_nothing(backstory: Service, api: Api) -> None:
    """Each upload ends with a file whose bytes are there, whatever is deleted beside it."""
    data = image()

    async def once() -> None:
        file = await uploaded(api, data)
        assert (await api.get(f"/v1/files/{file['id']}/content")).raw == data
        assert (await api.delete(f"/v1/files/{file['id']}")).status == 200

    await asyncio.gather(*(once() for _ in range(24)))
    assert not await tables_with(backstory, data.hex())
