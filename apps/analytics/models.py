from django.db import models

from apps.core.models import TenantModel
from apps.tenants.models import Membership


class SavedView(TenantModel):
    """What somebody looks at again and again: a name for the query of the analytics page's address. It is its
    `owner`'s alone, and goes with them; without an owner it is the whole workspace's."""

    name = models.CharField(max_length=80)
    query = models.CharField(max_length=1000, blank=True)
    owner = models.ForeignKey(
        Membership, on_delete=models.CASCADE, null=True, blank=True, related_name="+", editable=False
    )
    created_by = models.ForeignKey(
        Membership, on_delete=models.SET_NULL, null=True, blank=True, related_name="+", editable=False
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantModel.Meta):
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "name"], condition=models.Q(owner=None), name="one_shared_view_of_a_name"
            ),
            models.UniqueConstraint(
                fields=["tenant", "owner", "name"],
                condition=models.Q(owner__isnull=False),
                name="one_own_view_of_a_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_shared(self) -> bool:
        return self.owner_id is None


class DefaultView(TenantModel):
    """The view with which the analytics page opens for one member."""

    member = models.OneToOneField(Membership, on_delete=models.CASCADE, related_name="+")
    view = models.ForeignKey(SavedView, on_delete=models.CASCADE, related_name="+")

    class Meta(TenantModel.Meta):
        pass

    def __str__(self) -> str:
        return f"{self.view_id} of {self.member_id}"
