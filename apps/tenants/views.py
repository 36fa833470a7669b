from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.tenants.selectors import membership_lookup


@login_required
def home(request: HttpRequest) -> HttpResponse:
    membership = membership_lookup(user_id=request.user.pk)
    if membership is None:
        return render(request, "tenants/none.html")
    return redirect("tenant", slug=membership.tenant_slug)
