"""The Django project. Importing it names the settings and binds `@shared_task` to our Celery app."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "antiphon.config.settings.base")

from antiphon.config.celery import app as celery_app

__all__ = ["celery_app"]
