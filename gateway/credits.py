"""The credit history, as a page or as one long CSV."""

from aiohttp import web

from gateway import db
from gateway.errors import Refusal
from gateway.keys import POOL, USER_ID
from gateway.reading import accepts, read_no_query
from gateway.routes import Handler

CHUNK_LINES = 1000
CSV_HEADERS = {
    "Content-Type": "text/csv; charset=utf-8",
    "Content-Disposition": 'attachment; filename="credits.csv"',
}


def history(page: Handler) -> Handler:
    """`page`, unless the caller asks for CSV."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return await (history_csv(request) if accepts(request, "text/csv") else page(request))

    return handler


async def history_csv(request: web.Request) -> web.StreamResponse:
    """The whole history, newest first, in chunks: no transaction and no connection is held while a client reads."""
    read_no_query(request)
    chunk, before = await _chunk(request, None)
    response = web.StreamResponse(headers=CSV_HEADERS)
    await response.prepare(request)
    await response.write(chunk)
    while before is not None:
        try:
            chunk, before = await _chunk(request, before)
        except Refusal as refusal:
            # The status is sent: breaking off is the only way left to say that this is not all.
            raise ConnectionResetError("the history broke off") from refusal
        await response.write(chunk)
    await response.write_eof()
    return response


async def _chunk(request: web.Request, before_number: int | None) -> tuple[bytes, int | None]:
    row = await db.call(
        request.app[POOL],
        "list_transactions_csv",
        user_id=request[USER_ID],
        before_number=before_number,
        limit=CHUNK_LINES,
    )
    return row.chunk.encode(), row.next_number
