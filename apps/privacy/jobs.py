"""Erasures and exports are made by jobs."""

import tempfile
from smtplib import SMTPException

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import timezone

from apps.conversations.outside import hang_up
from apps.core.addresses import site_url
from apps.credentials.sealing import Unsealable
from apps.files import store
from apps.jobs.kinds import JobFailed, JobNotYet, job_kind
from apps.jobs.running import Running
from apps.jobs.services import job_add
from apps.privacy import erasing, exporting
from apps.privacy.models import Erasure, ErasureStep, TenantExport
from apps.privacy.registry import SessionRef
from apps.tenants.models import Tenant

MAIL = "privacy.export_mail"
_LOOKS_AGAIN = 2.0  # seconds


class NotMailed(Exception):
    """It is tried again."""


@job_kind(erasing.ERASE, label="Erasure", attempts=12, lane="long")
def erase(running: Running) -> None:
    erasure = Erasure.objects.filter(id=running.key).first()
    if erasure is None or erasure.finished_at is not None:
        return
    if erasure.sealed_identifier:
        _erase_rows(running, erasure)
    erasing.exports_erase(erasure)
    steps = ErasureStep.objects.filter(erasure=erasure, files_gone_at=None).order_by("number")
    count = steps.count()
    for number, step in enumerate(steps.iterator(chunk_size=100)):
        running.progress(number, count, "Deleting files")
        erasing.step_files_erase(step)
    fields = erasing.manifest_keep(erasure, timezone.now())
    with running.finish():
        Erasure.objects.filter(id=erasure.id).update(**fields)


def _erase_rows(running: Running, erasure: Erasure) -> None:
    try:
        identifier = erasure.unseal_identifier()
    except Unsealable as error:
        raise JobFailed(f"{error} Ask for the erasure again.") from None
    sessions = erasing.sessions_of_person(identifier).exclude(ended_at=None)
    _end(running, identifier)
    done = erasure.steps.count()
    while session := sessions.order_by("started_at").first():
        running.progress(done, done + sessions.count(), "Deleting sessions")
        erasing.session_erase(erasure, SessionRef.of(session))
        done += 1
    erasing.person_rest_erase(erasure, identifier)


def _end(running: Running, identifier: str) -> None:
    """Raises JobNotYet while a session of the person runs; that of a lost process is over in two minutes."""
    still = list(erasing.sessions_of_person(identifier).filter(ended_at=None))
    for session in still:
        running.check()
        hang_up(session.call_id, str(session.tenant_id))
    if still:
        raise JobNotYet(_LOOKS_AGAIN, "Ends running sessions")


@job_kind(exporting.EXPORT, label="Export", attempts=4, lane="long")
def export(running: Running) -> None:
    """Made again, it takes the place of the one before."""
    row = TenantExport.objects.filter(id=running.key).first()
    if row is None or row.finished_at is not None:
        return
    tenant = Tenant.objects.get(id=row.tenant_id)
    name = exporting.new_name(row)
    with tempfile.TemporaryFile() as file:
        tables = exporting.export_write(file, tenant, running.progress)
        size = file.tell()
        file.seek(0)
        try:
            store.put(name, iter(lambda: file.read(store.READ_AT_ONCE), b""))
            now = timezone.now()
            with running.finish():
                TenantExport.objects.filter(id=row.id).update(
                    file=name, size=size, tables=tables, finished_at=now, expires_at=now + exporting.KEPT
                )
                if row.mail_to:
                    job_add(kind=MAIL, key=str(row.id))
        except BaseException:
            store.delete(name)
            raise


@job_kind(MAIL, label="Mail of an export")
def mail(running: Running) -> None:
    """The file itself is for who signs in: a link in a mail would be for whoever has it."""
    row = TenantExport.objects.filter(id=running.key).exclude(file="").first()
    if row is None:
        return
    tenant = Tenant.objects.get(id=row.tenant_id)
    context = {"export": row, "tenant": tenant, "page": site_url(f"/{tenant.slug}/privacy/")}
    message = EmailMessage(
        f"The export of {tenant.name} is ready",
        render_to_string("privacy/export_mail.txt", context),
        to=[row.mail_to],
        headers={"Message-ID": f"<export-{row.id}@antiphon>"},
    )
    running.check()
    try:
        message.send()
    except (SMTPException, OSError) as error:  # whose words may hold the address
        raise NotMailed(f"The mail server did not take it ({type(error).__name__}).") from None
