"""/v1/jobs: what waits, what failed and why, and trying it again."""

from app.ids import ProjectId, new_id
from tests.support.api import Api, Json
from tests.support.eventually import eventually
from tests.support.rows import connected, new_key, new_project
from tests.support.service import Service

LOSING = """
    INSERT INTO outbox (project_id, outbox_id, topic, user_id, subject_id, payload, attempts)
    VALUES ($1, $2, 'delete_at_engine', $3, $3, $4, 7)
"""
"""It has one attempt left, and will fail: no engine of ours has this address."""


async def admin_of(backstory: Service, api: Api, project: ProjectId) -> Api:
    return api.with_key(await new_key(backstory, "admin", project=project))


async def failed(admin: Api) -> list[Json]:
    found: list[Json] = (await admin.get("/v1/jobs")).body["failed"]
    return found


async def test_what_failed_is_seen_and_tried_again(backstory: Service, api: Api) -> None:
    project = await new_project(backstory)
    admin = await admin_of(backstory, api, project)
    stranger = await admin_of(backstory, api, await new_project(backstory))
    payload = '{"engine": "http://gone", "engine_response_id": "resp_1"}'
    async with connected(backstory.urls.owner) as conn:
        await conn.execute(LOSING, project, new_id(), new_id(), payload)

    (job,) = await eventually(lambda: failed(admin))
    assert (job["topic"], job["attempts"]) == ("delete_at_engine", 8)
    assert "http://gone" in job["error"]
    assert (await admin.get("/v1/jobs")).body["queues"] == [
        {"topic": "delete_at_engine", "waiting": 0, "failed": 1, "oldest_seconds": 0.0}
    ]
    assert (await stranger.get("/v1/jobs")).body == {"object": "jobs", "queues": [], "failed": []}
    assert (await stranger.send("POST", "/v1/jobs/retry")).body["count"] == 0

    reply = await admin.send("POST", "/v1/jobs/retry")
    assert reply.body == {"object": "jobs.retried", "count": 1}

    async def tried_again() -> bool:
        async with connected(backstory.urls.owner) as conn:
            row = await conn.fetchrow(
                "SELECT attempts, failed_at FROM outbox WHERE project_id = $1", project
            )
        assert row
        return row["attempts"] == 1 and row["failed_at"] is None

    await eventually(tried_again)
