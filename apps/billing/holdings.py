from apps.billing.models import BillingAccount, SpendHold
from apps.billing.stripe.models import InvoiceLine, Subscription, TopUp
from apps.privacy.registry import keeps

keeps(
    SpendHold,
    why="money: what a session may spend while it runs",
    of_session=lambda session: SpendHold.objects.filter(session_id=session.session_id),
)
for books in (BillingAccount, TopUp, Subscription, InvoiceLine):
    keeps(books, why="money of the workspace")
