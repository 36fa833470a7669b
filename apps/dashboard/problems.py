"""What a service refuses, told where the person sees it."""

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest


def tell(form: forms.BaseForm, error: ValidationError) -> None:
    """Each sentence at its field, or above the form."""
    problems = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    for field, sentences in problems.items():
        for sentence in sentences:
            form.add_error(field if field in form.fields else None, sentence)


def toast(request: HttpRequest, error: ValidationError) -> None:
    """As a message, for what has no form on the page."""
    messages.error(request, " ".join(error.messages))
