"""Reports are made, and mailed, by jobs."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from smtplib import SMTPException
from typing import BinaryIO

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from apps.core.addresses import site_url
from apps.files import store
from apps.files.links import link_to
from apps.jobs.kinds import JobFailed, job_kind
from apps.jobs.running import Running, Stopped
from apps.jobs.services import job_add
from apps.reports import csv_writer, pdf_writer, xlsx_writer
from apps.reports.documents import document_of
from apps.reports.models import Format, ReportRun
from apps.reports.parameters import Wanted
from apps.reports.selectors import BUILD, CONTENT_TYPES, filename_of
from apps.reports.services import KEPT
from apps.reports.tables import Document, Row, Section
from apps.tenants.models import Tenant
from apps.webhooks.services import event_publish

MAIL = "report.mail"
MAIL_LINK_LIVES = timedelta(days=7)
_ROWS_BETWEEN = 20_000  # two looks at whether the report is still wanted
_READ_AT_ONCE = 1024 * 1024


class NotMailed(Exception):
    """It is tried again."""


@job_kind(BUILD, label="Report", attempts=4, lane="long")
def build(running: Running) -> None:
    """Makes the file; made again, it takes the place of the one before."""
    run = ReportRun.objects.filter(id=running.key).first()
    if run is None:
        raise JobFailed("The report was deleted.")
    tenant = Tenant.objects.get(id=run.tenant_id)
    running.progress(0, 0, "Reading")
    wanted = Wanted.of_json(run.kind, run.parameters)
    document = document_of(wanted, title=run.title, workspace=tenant.name)
    counted = _Counted(document, running)
    name = store.name_of("reports", run.id, filename_of(run))
    try:
        size = store.put(name, _file(counted.document, Format(run.format)))
        _finish(running, run, name=name, size=size, rows=counted.rows)
    except Stopped:
        if not ReportRun.objects.filter(id=run.id, file=name).exists():  # unless another worker has made it
            store.delete(name)
        raise


@job_kind(MAIL, label="Mail of a report", attempts=8)
def mail(running: Running) -> None:
    """To one recipient. Killed between the mail's way out and the note of it, it is sent again: under the same
    Message-ID, by which mailboxes know one that they have."""
    run = ReportRun.objects.filter(id=running.arguments["run_id"]).first()
    if run is None or not run.is_there:
        raise JobFailed("The report was deleted before it could be mailed.")
    number = int(running.arguments["recipient"])
    tenant = Tenant.objects.get(id=run.tenant_id)
    link = link_to(
        run.file,
        content_type=CONTENT_TYPES[Format(run.format)],
        filename=filename_of(run),
        lives=MAIL_LINK_LIVES,
    )
    context = {
        "run": run,
        "tenant": tenant,
        "link": site_url(link),
        "page": site_url(f"/{tenant.slug}/reports/"),
        "days": MAIL_LINK_LIVES.days,
    }
    message = EmailMessage(
        f"{run.title} ({run.get_format_display()}): {tenant.name}",
        render_to_string("reports/mail.txt", context),
        to=[run.recipients[number]],
        headers={"Message-ID": f"<report-{run.id}-{number}@{_domain()}>"},
    )
    running.check()
    try:
        message.send()
    except (SMTPException, OSError) as error:  # whose words may hold the address
        raise NotMailed(f"The mail server did not take it ({type(error).__name__}).") from None
    with running.finish():
        pass


class _Counted:
    """The document, whose rows are counted as they are written, and told to who waits."""

    def __init__(self, document: Document, running: Running) -> None:
        self.document = replace(
            document,
            sections=[replace(each, rows=self._counting(each)) for each in document.sections],
        )
        self.rows = 0
        self._running, self._steps = running, max(document.count, 1)

    def _counting(self, section: Section) -> Callable[[], Iterator[Row]]:
        def rows() -> Iterator[Row]:
            for row in section.rows():
                if self.rows % _ROWS_BETWEEN == 0:
                    steps = max(self._steps, self.rows)
                    self._running.progress(self.rows, steps, f"{self.rows:,} of {steps:,} rows")
                self.rows += 1
                yield row

        return rows


def _file(document: Document, format: Format) -> Iterator[bytes]:
    if format == Format.CSV:
        yield from csv_writer.written(document)
        return
    write: Callable[[Document, BinaryIO], None] = (
        xlsx_writer.write if format == Format.XLSX else pdf_writer.write
    )
    with tempfile.TemporaryFile() as file:
        write(document, file)
        file.seek(0)
        while piece := file.read(_READ_AT_ONCE):
            yield piece


def _finish(running: Running, run: ReportRun, *, name: str, size: int, rows: int) -> None:
    now = timezone.now()
    with running.finish():
        ReportRun.objects.filter(id=run.id).update(
            file=name, size_bytes=size, rows=rows, made_at=now, expires_at=now + KEPT
        )
        data = {"report_id": str(run.id), "name": run.title, "kind": run.kind, "format": run.format}
        event_publish(type="report.ready", data=data, session_id=run.session_id, key=str(run.id))
        for number in range(len(run.recipients)):
            job_add(
                kind=MAIL,
                key=f"{run.id}:{number}",
                arguments={"run_id": str(run.id), "recipient": number},
            )


def _domain() -> str:
    return settings.DEFAULT_FROM_EMAIL.rpartition("@")[2].rstrip("> ") or "localhost"
