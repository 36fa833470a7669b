"""From the mail to the membership."""

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from apps.core.tenancy import tenant_context
from apps.tenants.models import Invitation, Membership, Role
from tests.accounts.walking import sign_in
from tests.cast import PASSWORD, Person, make_user
from tests.tenants.signed_in import colleague, signed_in

pytestmark = pytest.mark.django_db


def invite(person: Person, email: str, role: str = "developer") -> str:
    """The path in the mail."""
    response = signed_in(person).post(
        f"/{person.tenant.slug}/team/invitations/", {"email": email, "role": role}
    )
    assert response.status_code == 302, response.content.decode()
    return path_in_mail()


def path_in_mail() -> str:
    found = re.search(r"http://testserver(/invitations/\S+)", str(mail.outbox[-1].body))
    assert found is not None
    return found[1]


def role_of(email: str, person: Person) -> str | None:
    with tenant_context(person.tenant.id):
        return Membership.objects.filter(user__email=email).values_list("role", flat=True).first()


def test_a_new_person_signs_up_by_the_link_and_joins(alice: Person) -> None:
    path = invite(alice, "Carol@Example.com")
    assert mail.outbox[-1].to == ["carol@example.com"]
    assert "Alice has invited you to the workspace Acme" in mail.outbox[-1].body
    client = Client()
    assert "Join Acme" in client.get(path).content.decode()
    assert "carol@example.com" in client.get("/accounts/signup/").content.decode()
    sent = len(mail.outbox)
    fields = {"email": "carol@example.com", "name": "Carol", "password1": PASSWORD}
    page = client.post("/accounts/signup/", fields, follow=True)
    assert page.redirect_chain[-1][0] == path
    assert len(mail.outbox) == sent, "The address needs no code: the link came there."
    assert EmailAddress.objects.get(email="carol@example.com").verified
    assert client.post(path)["location"] == "/acme/"
    assert role_of("carol@example.com", alice) == "developer"
    assert client.get("/acme/team/").status_code == 200


def test_who_has_an_account_signs_in_and_joins(alice: Person, mallory: Person) -> None:
    path = invite(alice, mallory.user.email, "viewer")
    client = Client()
    client.get(path)
    sign_in(client, mallory.user.email)
    assert client.get("/dashboard/")["location"] == path
    client.post(path)
    assert role_of(mallory.user.email, alice) == "viewer"
    assert client.get("/acme/team/").status_code == 200
    assert client.get("/dashboard/")["location"] == "/acme/"


def test_somebody_elses_account_can_not_join(alice: Person, mallory: Person) -> None:
    path = invite(alice, "carol@example.com")
    client = signed_in(mallory)
    page = client.get(path).content.decode()
    assert "You are signed in as mallory@example.com" in page
    assert "Sign out and go on" in page
    client.post(path)
    assert role_of(mallory.user.email, alice) is None


def test_sign_up_with_another_address_needs_its_own_code(alice: Person) -> None:
    client = Client()
    client.get(invite(alice, "carol@example.com"))
    client.post("/accounts/signup/", {"email": "dan@example.com", "name": "Dan", "password1": PASSWORD})
    assert not EmailAddress.objects.get(email="dan@example.com").verified


def test_an_invitation_opens_sign_up_where_it_is_closed(alice: Person, settings: Settings) -> None:
    settings.SIGN_UP = "invited"
    client = Client()
    client.get(invite(alice, "carol@example.com"))
    assert "Create the account" in client.get("/accounts/signup/").content.decode()


def test_a_link_is_good_once(alice: Person) -> None:
    path = invite(alice, "carol@example.com")
    make_user("carol")
    client = Client()
    sign_in(client, "carol@example.com")
    assert client.post(path).status_code == 302
    assert client.post(path).status_code == 404
    assert "no longer open" in client.get(path).content.decode()


def test_an_expired_link_says_whom_to_ask(alice: Person) -> None:
    path = invite(alice, "carol@example.com")
    with tenant_context(alice.tenant.id):
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    response = Client().get(path)
    assert response.status_code == 404
    assert "Ask Alice to send it again" in response.content.decode()


def test_sent_again_the_old_link_ends(alice: Person) -> None:
    old = invite(alice, "carol@example.com")
    with tenant_context(alice.tenant.id):
        invitation = Invitation.objects.get()
        Invitation.objects.update(sent_at=timezone.now() - timedelta(minutes=2))
    client = signed_in(alice)
    client.post(f"/acme/team/invitations/{invitation.id}/resend/")
    assert path_in_mail() != old
    assert Client().get(old).status_code == 404
    assert Client().get(path_in_mail()).status_code == 200
    sent = len(mail.outbox)
    page = client.post(f"/acme/team/invitations/{invitation.id}/resend/", follow=True).content.decode()
    assert "wait a minute" in page
    assert len(mail.outbox) == sent


def test_taken_back_it_is_over(alice: Person) -> None:
    path = invite(alice, "carol@example.com")
    with tenant_context(alice.tenant.id):
        invitation = Invitation.objects.get()
    signed_in(alice).post(f"/acme/team/invitations/{invitation.id}/revoke/")
    assert Client().get(path).status_code == 404


@pytest.mark.parametrize(
    ("email", "role", "problem"),
    [
        ("alice@example.com", "viewer", "is a member already"),
        ("carol@example.com", "viewer", "invited already"),
        ("not an address", "viewer", "valid email"),
        ("dan@example.com", "owner", "not one of the available choices"),
    ],
)
def test_what_can_not_be_sent_is_explained(alice: Person, email: str, role: str, problem: str) -> None:
    invite(alice, "carol@example.com")
    response = signed_in(alice).post("/acme/team/invitations/", {"email": email, "role": role})
    assert response.status_code == 422
    assert problem in response.content.decode()
    assert email in response.content.decode()
    assert len(mail.outbox) == 1


def test_a_mail_that_can_not_be_sent_invites_nobody(alice: Person, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    client = signed_in(alice)
    response = client.post("/acme/team/invitations/", {"email": "carol@example.com", "role": "viewer"})
    assert "could not be sent" in response.content.decode()
    with tenant_context(alice.tenant.id):
        assert not Invitation.objects.exists()


def test_the_token_is_not_kept(alice: Person) -> None:
    token = invite(alice, "carol@example.com").split("/")[2]
    with tenant_context(alice.tenant.id):
        assert token.encode() not in bytes(Invitation.objects.get().digest)


def test_a_developer_invites_nobody(alice: Person) -> None:
    client = signed_in(colleague(alice, Role.DEVELOPER))
    assert (
        client.post("/acme/team/invitations/", {"email": "x@example.com", "role": "viewer"}).status_code
        == 403
    )
