from django.urls import path

from apps.dashboard import agents, styleguide, tools

urlpatterns = [
    path("styleguide", styleguide.page, name="styleguide"),
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
    path("<slug:slug>/tools/", tools.page, name="tools"),
    path("<slug:slug>/tools/new/", tools.new, name="tool-new"),
    path("<slug:slug>/tools/<uuid:tool_id>/", tools.edit, name="tool"),
    path("<slug:slug>/tools/<uuid:tool_id>/try/", tools.attempt, name="tool-try"),
    path("<slug:slug>/tools/<uuid:tool_id>/rotate/", tools.rotate, name="tool-rotate"),
    path("<slug:slug>/tools/<uuid:tool_id>/archive/", tools.archive, name="tool-archive"),
    path("<slug:slug>/tools/<uuid:tool_id>/restore/", tools.restore, name="tool-restore"),
]
