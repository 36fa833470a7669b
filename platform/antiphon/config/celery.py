"""The Celery app. Settings hold its configuration (`CELERY_...`), each application's `tasks.py` its tasks."""

from celery import Celery

app = Celery("antiphon")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
