from django.urls import path

from apps.dashboard import styleguide, tools

urlpatterns = [
    path("styleguide", styleguide.page, name="styleguide"),
    path("<slug:slug>/tools/", tools.page, name="tools"),
    path("<slug:slug>/tools/new/", tools.new, name="tool-new"),
    path("<slug:slug>/tools/<uuid:tool_id>/", tools.edit, name="tool"),
    path("<slug:slug>/tools/<uuid:tool_id>/try/", tools.attempt, name="tool-try"),
    path("<slug:slug>/tools/<uuid:tool_id>/rotate/", tools.rotate, name="tool-rotate"),
    path("<slug:slug>/tools/<uuid:tool_id>/archive/", tools.archive, name="tool-archive"),
    path("<slug:slug>/tools/<uuid:tool_id>/restore/", tools.restore, name="tool-restore"),
]
