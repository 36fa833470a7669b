"""Where Stripe sends its events."""

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.billing.stripe.webhooks import MOST_BYTES, BadWebhook, event_receive
from apps.billing.tasks import stripe_event_process


@csrf_exempt
@require_POST
def stripe_webhook(request: HttpRequest) -> JsonResponse:
    """Notes the event and answers; a worker processes it. 400 with a sentence for what isn't from Stripe."""
    if (
        int(request.META.get("CONTENT_LENGTH") or 0) > MOST_BYTES
        or len(body := request.read(MOST_BYTES + 1)) > MOST_BYTES
    ):
        return JsonResponse({"error": "The body is larger than 1 MiB, which no event is."}, status=413)
    try:
        event = event_receive(body=body, signature=request.headers.get("stripe-signature", ""))
    except BadWebhook as error:
        return JsonResponse({"error": str(error)}, status=400)
    if event is not None and event.next_at is not None:
        stripe_event_process.delay(event.id)
    return JsonResponse({"received": True})
