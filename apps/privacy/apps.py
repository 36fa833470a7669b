from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class PrivacyConfig(AppConfig):
    name = "apps.privacy"

    def ready(self) -> None:
        autodiscover_modules("holdings")  # each application's `holdings.py` tells what it has of sessions
