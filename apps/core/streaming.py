"""Answers that are made while they are sent. Serving by ASGI, Django would make the whole of a plain generator
before it sends the first byte."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import TypeVar

from django.db import connections

Piece = TypeVar("Piece", str, bytes)


def streamed(pieces: Iterable[Piece]) -> AsyncIterator[Piece]:
    """The pieces, each made when the one before it has left, for the caller's tenant, in a thread of their own, so
    that a cursor of the database can stay open."""
    return _made(iter(pieces), copy_context())


async def _made(pieces: Iterator[Piece], context: Context) -> AsyncIterator[Piece]:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, thread_name_prefix="stream") as thread:
        try:
            while (piece := await loop.run_in_executor(thread, context.run, _next, pieces)) is not None:
                yield piece
        finally:
            await loop.run_in_executor(thread, context.run, _close, pieces)


def _next(iterator: Iterator[Piece]) -> Piece | None:
    return next(iterator, None)


def _close(iterator: Iterator[Piece]) -> None:
    close = getattr(iterator, "close", None)
    if close is not None:
        close()
    connections.close_all()
