import json
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from apps.keys.demo import demo_ensure


class Command(BaseCommand):
    help = "Makes sure that the demo tenant exists and prints how to get into it, as JSON."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(asdict(demo_ensure(settings.DATA_DIR / "demo.json"))))
