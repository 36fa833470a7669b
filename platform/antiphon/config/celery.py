"""The Celery app. Its tasks lie in each application's `tasks.py`, its schedule in `CELERY_BEAT_SCHEDULE`."""

from typing import Any

from celery import Celery

from antiphon.config.env import env

app = Celery("antiphon")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def broker_url(redis_url: str) -> str:
    """The same server in kombu's spelling: a unix socket is `redis+socket://`."""
    return redis_url.replace("unix://", "redis+socket://", 1)


def _defaults() -> dict[str, Any]:
    """What settings don't say. Delivery is at least once: a task taken by a worker that died comes back."""
    redis_url = env().redis_url
    return {
        "broker_url": broker_url(redis_url) if redis_url else "memory://",
        "broker_connection_retry_on_startup": True,
        "broker_transport_options": {
            "visibility_timeout": 3600,  # longer than any task and any delay
            # kombu looks for what is to come back every interval * throttle seconds; its own 10 * 10 is slow.
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
        },
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        "enable_utc": True,
        "timezone": "UTC",
    }


app.add_defaults(_defaults)
