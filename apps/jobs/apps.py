from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class JobsConfig(AppConfig):
    name = "apps.jobs"

    def ready(self) -> None:
        autodiscover_modules("jobs")  # each application's `jobs.py` tells which kinds it has
