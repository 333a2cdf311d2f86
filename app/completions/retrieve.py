"""Reading what a stored chat completion was asked."""

from app.blobs.images import Images
from app.completions.completion import response_id_text
from app.completions.messages import messages_of
from app.conversations.contents import shown
from app.responses.retrieve import find_response, input_of, page_of
from app.web.pages import Page, PageQuery
from app.web.principal import Caller


async def list_messages(
    images: Images, caller: Caller, completion_id: str, paging: PageQuery
) -> Page:
    """All that its client sent, each under the completion's id and its number. Raises NotFound."""
    async with images.database.tenant(caller.project) as conn:
        stored = await find_response(conn, caller, response_id_text(completion_id))
        items = await input_of(conn, caller, stored)
    bodies = [shown(item.item_id, item.status, item.body) for item in items]
    bodies = await images.shown(caller.project, stored.user_id, bodies)
    messages = messages_of(stored.instructions, bodies)
    named = [{"id": f"{completion_id}-{n}", **said} for n, said in enumerate(messages)]
    return page_of(named, paging)
