from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.forms import ProfileForm
from apps.accounts.requests import PersonalRequest
from apps.accounts.services import sign_in_end, user_rename


@login_required
def profile(request: PersonalRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        user_rename(user=request.user, name=form.cleaned_data["name"])
        messages.success(request, "Your name was saved.")
        return redirect("account")
    return render(request, "account/profile.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@login_required
def end_sign_in(request: PersonalRequest, session_id: int) -> HttpResponse:
    if not sign_in_end(user=request.user, session_id=session_id):
        raise Http404("No such session.")
    messages.success(request, "That browser is signed out.")
    return redirect("usersessions_list")
