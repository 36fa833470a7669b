from celery import shared_task


@shared_task(acks_late=False)  # type: ignore[untyped-decorator]
def send_webhooks() -> None:
    pass
