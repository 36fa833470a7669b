from django.urls import path

from apps.dashboard import agents, audit, name="styleguide", settings, styleguide, styleguide  urlpatterns = [     path("styleguide", styleguide.page, team  urlpatterns = [     path("styleguide"

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
    path("<slug:slug>/agents/", agents.index, name="agents"),
    path("<slug:slug>/agents/<slug:agent_slug>/", agents.editor, name="agent"),
    path("<slug:slug>/agents/<slug:agent_slug>/draft", agents.save_draft, name="agent-draft"),
    path("<slug:slug>/agents/<slug:agent_slug>/details", agents.save_details, name="agent-details"),
    path("<slug:slug>/agents/<slug:agent_slug>/publish", agents.publish, name="agent-publish"),
    path("<slug:slug>/agents/<slug:agent_slug>/versions", agents.versions, name="agent-versions"),
    path("<slug:slug>/agents/<slug:agent_slug>/traffic", agents.split_traffic, name="agent-traffic"),
    path("<slug:slug>/agents/<slug:agent_slug>/compare", agents.compare, name="agent-compare"),
    path("<slug:slug>/agents/<slug:agent_slug>/restore/<int:number>", agents.restore, name="agent-restore"),
    path("<slug:slug>/agents/<slug:agent_slug>/code", agents.code, name="agent-code"),
    path("<slug:slug>/agents/<slug:agent_slug>/duplicate", agents.duplicate, name="agent-duplicate"),
    path("<slug:slug>/agents/<slug:agent_slug>/archive", agents.archive, name="agent-archive"),
    path("<slug:slug>/agents/<slug:agent_slug>/unarchive", agents.unarchive, name="agent-unarchive"),
]
