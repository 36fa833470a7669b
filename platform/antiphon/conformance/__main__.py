"""`python -m antiphon.conformance URL --key KEY`: which cases does that server pass?"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from antiphon.conformance.cases import Case, CaseError, load_cases
from antiphon.conformance.report import Outcome, as_json, summary
from antiphon.conformance.runner import PATIENCE, Server, run_case

CORPUS = Path(__file__).resolve().parents[3] / "tests" / "conformance"


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 1 if a case failed, 2 for wrong arguments and for cases that are written wrongly."""
    arguments = _arguments(argv)
    try:
        cases = _chosen(load_cases(arguments.cases), arguments.only)
        values = dict(_pair(given) for given in arguments.set)
        server = Server.at(arguments.url, arguments.key, arguments.model, values)
        outcomes = asyncio.run(_run(cases, server, set(arguments.without), arguments))
    except CaseError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{as_json(outcomes) if arguments.json else summary(outcomes)}\n")
    return int(any(outcome.problem for outcome in outcomes))


async def _run(
    cases: Sequence[Case], server: Server, without: set[str], arguments: argparse.Namespace
) -> list[Outcome]:
    outcomes = []
    for case in cases:
        unmet = sorted(need for need in case.requires if need in without or _lacks_value(need, case, server))
        if unmet:
            outcome = Outcome(case.name, case.about, skipped=", ".join(unmet))
        else:
            outcome = await run_case(case, server, arguments.timeout)
        outcomes.append(outcome)
        if not arguments.json:
            sys.stdout.write(f"{outcome.text()}\n")
            sys.stdout.flush()
    return outcomes


def _lacks_value(need: str, case: Case, server: Server) -> bool:
    return need not in server.values and f"{{{need}}}" in str(case.steps)


def _chosen(cases: Sequence[Case], only: Sequence[str]) -> Sequence[Case]:
    if not only:
        return cases
    chosen = [case for case in cases if any(part in case.name for part in only)]
    if not chosen:
        raise CaseError(f"No case has {' or '.join(only)} in its name.")
    return chosen


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise CaseError(f"--set takes NAME=VALUE, not {given!r}.")
    return name, value


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m antiphon.conformance", description=__doc__)
    parser.add_argument("url", help="http://HOST/v1 or ws://HOST/v1/realtime")
    parser.add_argument("--key", required=True, help="an API key of that server")
    parser.add_argument("--model", default="local/dialogue", help="the model of all sessions")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a part of a case's name")
    parser.add_argument(
        "--without", action="append", default=[], metavar="FEATURE", help="skip the cases that require it"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a value that some cases need"
    )
    parser.add_argument("--cases", type=Path, default=CORPUS, help="the folder of the cases")
    parser.add_argument("--timeout", type=float, default=PATIENCE, help="seconds for one case")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
