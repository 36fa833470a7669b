from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from apps.privacy.signing import public_keys


@require_safe
def manifest_keys(request: HttpRequest) -> JsonResponse:
    """By which anybody checks the manifests of erasures: the oldest first, in hex."""
    return JsonResponse({"algorithm": "Ed25519", "public_keys": public_keys()})
