from django.urls import path

from apps.dashboard import agents, live, logs, overview, session_detail, sessions, styleguide

urlpatterns = [
    path("styleguide", styleguide.page, name="styleguide"),
    path("<slug:slug>/", overview.page, name="tenant"),
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
    path("<slug:slug>/sessions/", sessions.page, name="sessions"),
    path("<slug:slug>/sessions/running/", sessions.running, name="sessions-running"),
    path("<slug:slug>/sessions/columns/", sessions.columns, name="sessions-columns"),
    path("<slug:slug>/sessions/export.csv", sessions.export, name="sessions-export"),
    path("<slug:slug>/sessions/<str:session_id>/", session_detail.summary, name="session"),
    path(
        "<slug:slug>/sessions/<str:session_id>/transcript/",
        session_detail.transcript,
        name="session-transcript",
    ),
    path("<slug:slug>/sessions/<str:session_id>/latency/", session_detail.latency, name="session-latency"),
    path("<slug:slug>/sessions/<str:session_id>/cost/", session_detail.cost, name="session-cost"),
    path("<slug:slug>/sessions/<str:session_id>/events/", session_detail.events, name="session-events"),
    path("<slug:slug>/sessions/<str:session_id>/raw/", session_detail.raw, name="session-raw"),
    path(
        "<slug:slug>/sessions/<str:session_id>/download.json",
        session_detail.download,
        name="session-download",
    ),
    path("<slug:slug>/sessions/<str:session_id>/delete/", session_detail.delete, name="session-delete"),
    path("<slug:slug>/sessions/<str:session_id>/end/", session_detail.end, name="session-end"),
    path("<slug:slug>/live/", live.page, name="live"),
    path("<slug:slug>/logs/", logs.page, name="logs"),
]
