"""Celery: the broker, how workers behave, and what is done at which intervals."""

from antiphon.config.env import Env, env


def redis_url(env: Env) -> str:
    return env.redis_url or "redis://localhost:6379"


CELERY_BROKER_URL = redis_url(env()).replace("unix://", "redis+socket://", 1)  # as kombu spells a socket
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,  # longer than any task and any delay
    # A killed worker's tasks come back after interval * throttle seconds; kombu's own 10 * 10 is slow.
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    # A page that sends a message waits for a broker that is gone no longer than this takes.
    "max_retries": 1,
    "interval_start": 0.0,
    "interval_step": 0.1,
    "interval_max": 0.1,
    "socket_connect_timeout": 5.0,
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
JOB_LEASE_SECONDS = env().antiphon_lease_seconds
JOB_SWEEP_SECONDS = JOB_LEASE_SECONDS / 3
JOB_NUDGE_SECONDS = JOB_LEASE_SECONDS * 4
# How many jobs of each lane one worker runs at the same time: those that compute for long, and those that wait for
# others' servers. Together they leave some of its threads to the rest.
JOB_LANES = {"long": 2, "vendors": 2}


def _every(seconds: float, task: str) -> dict[str, object]:
    """One that nobody took in time is left out: the next one does the same."""
    return {"task": f"apps.{task}", "schedule": seconds, "options": {"expires": min(seconds, 3600.0)}}


CELERY_BEAT_SCHEDULE = {
    "send webhooks": _every(2.0, "webhooks.tasks.send_webhooks"),
    "sweep jobs": _every(JOB_SWEEP_SECONDS, "jobs.tasks.sweep_jobs"),
    "process events of Stripe": _every(30.0, "billing.tasks.stripe_events_sweep"),
    "send recordings left behind": _every(30.0, "recordings.tasks.send_recordings_left_behind"),
    "close abandoned sessions": _every(60.0, "conversations.tasks.close_abandoned_sessions"),
    "recharge low balances": _every(60.0, "billing.tasks.recharge_sweep"),
    "warn of spending": _every(60.0, "billing.tasks.warn_of_spending"),
    "reports that are due": _every(60.0, "reports.tasks.run_due_schedules"),
    "send usage to Stripe": _every(120.0, "billing.tasks.meter_sweep"),
    "finish payments": _every(600.0, "billing.tasks.payments_sweep"),
    "issue statements of customers": _every(3600.0, "customers.tasks.issue_statements"),
    "purge deleted tenants": _every(3600.0, "tenants.tasks.purge_deleted_tenants"),
    "purge client secrets": _every(3600.0, "keys.tasks.purge_client_secrets"),
    "purge idempotent requests": _every(3600.0, "api.tasks.purge_idempotent_requests"),
    "catch up with Stripe": _every(3600.0, "billing.tasks.stripe_events_catch_up"),
    "end days of grace": _every(3600.0, "billing.tasks.grace_sweep"),
    "apply retention": _every(3600.0, "privacy.tasks.apply_retention"),
    "delete expired reports": _every(3600.0, "reports.tasks.delete_expired_reports"),
    "compare usage with Stripe": _every(86400.0, "billing.tasks.meter_reconcile"),
    "delete orphans": _every(86400.0, "privacy.tasks.delete_orphans"),
    "purge jobs": _every(86400.0, "jobs.tasks.purge_jobs"),
    "purge webhooks": _every(86400.0, "webhooks.tasks.purge_webhooks"),
}
