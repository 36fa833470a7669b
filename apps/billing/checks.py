from typing import Any

from django.core.checks import CheckMessage, Error, register

from apps.billing.plans import PlansError, plans


@register
def plans_can_be_used(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    try:
        plans()
    except PlansError as error:
        hint = "Correct the file, or unset PLANS_FILE for the plans that come with Antiphon."
        return [Error(line, hint=hint, id="billing.E001") for line in str(error).splitlines()]
    return []
