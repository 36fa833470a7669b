"""The error body of OpenAI's API."""

from django.http import HttpRequest, JsonResponse

from antiphon.protocol.errors import Refused


class ApiError(Exception):
    """Becomes the response `{"error": {"message", "type", "param", "code"}}`."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        error_type: str = "invalid_request_error",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"message": message, "type": error_type, "param": param, "code": code}
        self.headers = headers

    @classmethod
    def of(cls, refused: Refused) -> "ApiError":
        body = refused.body
        return cls(400, body.message, code=body.code, param=body.param, error_type=body.type)

    def response(self) -> JsonResponse:
        return JsonResponse({"error": self.body}, status=self.status, headers=self.headers)


def server_error(status: int = 500) -> ApiError:
    message = "The server had an error; its log has more under the x-request-id."
    return ApiError(status, message, error_type="server_error")


def unknown_url(request: HttpRequest) -> ApiError:
    return ApiError(404, f"Invalid URL ({request.method} {request.path})", code="unknown_url")
