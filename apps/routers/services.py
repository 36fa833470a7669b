import msgspec
from django.core.exceptions import ValidationError

from antiphon.providers.kinds import kind_of_model
from antiphon.providers.routing.format import BadRouter, kind_of_router, parse
from apps.audit.services import fields_of, record
from apps.core.tenancy import atomic
from apps.routers.models import Router


def router_put(*, name: str, definition: str | bytes) -> Router:
    """Adds or replaces a router of the current tenant; the same definition again changes nothing. Sessions that
    begin from now on use it. Raises ValidationError, with the path of
    each problem in the definition."""
    try:
        kind = kind_of_router(parse(definition, kind_of_model))
    except BadRouter as bad:
        raise ValidationError({"definition": str(bad).splitlines()}) from None
    text = msgspec.json.format(definition, indent=0)
    text = text.decode() if isinstance(text, bytes) else text
    with atomic():
        row = Router.objects.select_for_update().filter(name=name).first() or Router(name=name)
        if row.definition == text:
            return row
        before = fields_of(row, "kind", "definition", "version") if row.version else None
        row.kind, row.definition, row.version = kind, text, row.version + 1
        row.claim()
        row.full_clean()
        row.save()
        record(
            action="router.updated" if before else "router.created",
            target=row,
            before=before,
            after=fields_of(row, "kind", "definition", "version"),
        )
    return row


@atomic()
def router_delete(*, router: Router) -> None:
    """Sessions that run keep it until they end."""
    record(action="router.deleted", target=router, before=fields_of(router, "kind", "definition", "version"))
    router.delete()
