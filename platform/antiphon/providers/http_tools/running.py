"""Tools on tenants' servers at work: the call goes out, and once more with the same key where that may help."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from antiphon.outbound.http import AnswerTooLarge, OutboundHttp, OutboundTimeout
from antiphon.outbound.policy import OutboundError, OutboundRefused
from antiphon.protocol.items import FunctionCall
from antiphon.providers.base.tools import ToolFailure
from antiphon.providers.http_tools.calls import Caller, HttpTool, Request, body_of, output_of, request_of

_WORTH_ANOTHER = frozenset({502, 503, 504})
_BREATH = 0.2  # seconds before a second try


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, whatever it was."""

    status: int
    content_type: str
    body: bytes


@dataclass(slots=True)
class Exchange:
    """A call with all that was sent and came back. Of `output` and `failure` there is one."""

    requests: list[Request] = field(default_factory=list)
    answer: Answer | None = None
    seconds: float = 0.0
    output: str = ""
    failure: ToolFailure | None = None


async def exchange(http: OutboundHttp, tool: HttpTool, call: FunctionCall, caller: Caller) -> Exchange:
    """Calls the tool. What goes wrong is in `failure`."""
    done = Exchange()
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        body = body_of(tool, call, caller)
        await _send(http, tool, call, body, done, deadline=began + tool.timeout)
        assert done.answer is not None
        done.output = output_of(tool, done.answer.status, done.answer.content_type, done.answer.body)
    except ToolFailure as failure:
        done.failure = failure
    done.seconds = loop.time() - began
    return done


class HttpFunctions:
    """The functions of one session that its tenant's servers run."""

    def __init__(self, http: OutboundHttp, tools: Mapping[str, HttpTool], caller: Caller) -> None:
        self._http = http
        self._tools = tools
        self._caller = caller

    @property
    def names(self) -> Collection[str]:
        return self._tools.keys()

    async def call(self, call: FunctionCall) -> str:
        done = await exchange(self._http, self._tools[call.name], call, self._caller)
        if done.failure is not None:
            raise done.failure
        return done.output


async def _send(
    http: OutboundHttp, tool: HttpTool, call: FunctionCall, body: bytes, done: Exchange, *, deadline: float
) -> None:
    """Raises ToolFailure if there was no answer."""
    loop = asyncio.get_running_loop()
    while True:
        last = bool(done.requests) or deadline - loop.time() <= _BREATH
        request = request_of(tool, call, body)
        done.requests.append(request)
        try:
            done.answer = await _post(http, tool, request, deadline - loop.time())
            if last or done.answer.status not in _WORTH_ANOTHER:
                return
        except OutboundTimeout:
            message = f"The server of the tool {tool.name!r} did not answer within {tool.timeout:g} s."
            raise ToolFailure("http_error", message, 504) from None
        except (OutboundRefused, AnswerTooLarge) as error:
            code = 403 if isinstance(error, OutboundRefused) else 502
            raise ToolFailure("http_error", f"The tool {tool.name!r} failed: {error}", code) from None
        except OutboundError as error:
            if last:
                raise ToolFailure("http_error", f"The tool {tool.name!r} failed: {error}", 502) from None
        await asyncio.sleep(_BREATH)


async def _post(http: OutboundHttp, tool: HttpTool, request: Request, seconds: float) -> Answer:
    async with http.request(
        "POST",
        request.url,
        headers=request.headers,
        body=request.body,
        timeout=max(seconds, 0.001),
        max_body=tool.max_body,
    ) as answer:
        return Answer(answer.status, answer.content_type, await answer.body())
