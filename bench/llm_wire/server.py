"""Models of all three dialects on loopback, in a process of their own, which prints its address.

A token is a piece of its own on the wire, as it is where one takes milliseconds to be generated.
"""

import asyncio
import contextlib
import functools
import sys
from collections.abc import Sequence

import uvloop
from llm_wire.answers import DIALECTS, answer, dialect_of

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


async def _serve(
    streams: dict[str, Sequence[bytes]],
    pace: float,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = [line.partition(":") for line in head.lower().split("\r\n")]
            length = next(int(value) for name, _, value in lines if name == "content-length")
            await reader.readexactly(length)
            path = head.split()[1].partition("?")[0]
            writer.write(_HEAD)
            for chunk in streams[dialect_of(path)]:
                writer.write(chunk)
                await asyncio.sleep(pace)
            writer.write(b"0\r\n\r\n")
    writer.close()


async def _main(tokens: int, pace: float) -> None:
    streams = {
        dialect: [b"%x\r\n%b\r\n" % (len(event), event) for event in answer(dialect, tokens)]
        for dialect in DIALECTS
    }
    server = await asyncio.start_server(functools.partial(_serve, streams, pace), "127.0.0.1")
    host, port = server.sockets[0].getsockname()
    sys.stdout.write(f"http://{host}:{port}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until its owner lets go


if __name__ == "__main__":
    uvloop.run(_main(int(sys.argv[1]), float(sys.argv[2])))
