"""CPU time that it takes to stream a token of an answer: our wires, beside the vendors' SDKs.

    python bench/llm_wire [--tokens 200] [--answers 40] [--rounds 12]

The models are in another process on loopback and send a token every 5 ms, so that each arrives by itself; many
answers are streamed at once. The CPU time is that of the process that receives, per token of text; of several
rounds, in which all clients take their turn, the least counts (of two for the SDKs, which are far off). The floor
is aiohttp with a typed decoder of msgspec and nothing else.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "platform")]

import uvloop  # noqa: E402
from llm_wire.clients import Client, clients  # noqa: E402

BUDGET = 1.2  # times raw aiohttp, for the dialect of nearly all providers
PACE = 0.005  # seconds between two tokens


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tokens", type=int, default=200, help="of an answer")
    parser.add_argument("--answers", type=int, default=40, help="at once")
    parser.add_argument("--rounds", type=int, default=12)
    arguments = parser.parse_args()
    with _models(arguments.tokens) as server:
        sys.exit(uvloop.run(_measure(server, arguments.tokens, arguments.answers, arguments.rounds)))


@contextmanager
def _models(tokens: int) -> Iterator[str]:
    """The address of models in another process."""
    command = [sys.executable, "-m", "llm_wire.server", str(tokens), str(PACE)]
    with subprocess.Popen(
        command, cwd=ROOT / "bench", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close() if process.stdin else None


async def _measure(server: str, tokens: int, answers: int, rounds: int) -> int:
    """Prints the table. Returns the exit status: 1 if the budget is not met."""
    async with clients(server) as measured:
        best = {client: float("inf") for client in measured}
        for client in measured:
            await _cpu_of(client, tokens, answers)  # connections, caches
        for turn in range(rounds):
            for client in measured if turn < 2 else [client for client in measured if not client.sdk]:
                best[client] = min(best[client], await _cpu_of(client, tokens, answers))
    floor = {client.dialect: cpu for client, cpu in best.items() if client.name == "raw aiohttp"}
    print(f"{'dialect':<10}  {'client':<22}  {'µs per token':>12}  {'ratio':>6}")
    for client in sorted(measured, key=lambda c: list(floor).index(c.dialect)):
        ratio = best[client] / floor[client.dialect]
        cpu = best[client] / (answers * tokens) * 1e6
        print(f"{client.dialect:<10}  {client.name:<22}  {cpu:>12.2f}  {ratio:>5.2f}x")
    ours = next(c for c in measured if (c.name, c.dialect) == ("antiphon", "openai"))
    met = best[ours] <= BUDGET * floor["openai"]
    print(f"\nThe openai dialect is to stay within {BUDGET}x of raw aiohttp: {'met' if met else 'NOT MET'}.")
    return 0 if met else 1


async def _cpu_of(client: Client, tokens: int, answers: int) -> float:
    """Seconds of CPU time for so many answers."""
    began = time.process_time()
    received = await asyncio.gather(*(client.ask() for _ in range(answers)))
    spent = time.process_time() - began
    if set(received) != {tokens}:
        raise SystemExit(f"{client.name} got {received} tokens, not {tokens} of each answer.")
    return spent


if __name__ == "__main__":
    main()
