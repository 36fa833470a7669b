from django.urls import path

from apps.dashboard import audit, settings, styleguide, team

urlpatterns = [
    path("styleguide", styleguide.page, name="styleguide"),
    path("<slug:slug>/team/", team.page, name="team"),
    path("<slug:slug>/team/invitations/", team.invite, name="invitation-create"),
    path("<slug:slug>/team/invitations/<uuid:invitation_id>/resend/", team.resend, name="invitation-resend"),
    path("<slug:slug>/team/invitations/<uuid:invitation_id>/revoke/", team.revoke, name="invitation-revoke"),
    path("<slug:slug>/team/<uuid:member_id>/role/", team.set_role, name="member-role"),
    path("<slug:slug>/team/<uuid:member_id>/remove/", team.remove, name="member-remove"),
    path("<slug:slug>/team/leave/", team.leave, name="member-leave"),
    path("<slug:slug>/team/transfer/", team.transfer, name="tenant-transfer"),
    path("<slug:slug>/settings/", settings.page, name="settings"),
    path("<slug:slug>/settings/address/", settings.set_address, name="tenant-address"),
    path("<slug:slug>/settings/delete/", settings.delete, name="tenant-delete"),
    path("<slug:slug>/audit/", audit.page, name="audit"),
    path("<slug:slug>/audit/export/", audit.export, name="audit-export"),
]
