"""How people sign up and in: allauth's settings."""

from antiphon.config.env import env
from antiphon.config.settings.mail import mail_settings

ACCOUNT_APPS = [
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.github",
    "allauth.usersessions",
]

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [  # the first is for new passwords: it needs much memory, which guessing machines have little of
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ["email", "name"]},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "landing"

ACCOUNT_ADAPTER = "apps.accounts.adapters.AccountAdapter"
ACCOUNT_FORMS = {
    "signup": "apps.accounts.forms.SignUpForm",
    "login": "apps.accounts.forms.SignInForm",
    "add_email": "apps.accounts.forms.ChangeAddressForm",
    "change_password": "apps.accounts.forms.ChangePasswordForm",
    "set_password": "apps.accounts.forms.SetPasswordForm",
    "reset_password": "apps.accounts.forms.ForgottenPasswordForm",
    "reset_password_from_key": "apps.accounts.forms.NewPasswordForm",
    "reauthenticate": "apps.accounts.forms.ConfirmPasswordForm",
    "confirm_email_verification_code": "apps.accounts.forms.CodeForm",
}
MFA_FORMS = {
    "authenticate": "apps.accounts.forms.SecondFactorForm",
    "reauthenticate": "apps.accounts.forms.ConfirmSecondFactorForm",
    "activate_totp": "apps.accounts.forms.AuthenticatorAppForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_CHANGE_EMAIL = True  # one address for each person; a new one counts once it is verified
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True  # in the browser that signed up, with its invitation
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_CHANGE = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before an address or a password is changed
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if (env().public_url or "").startswith("https") else "http"
SIGN_UP = env().sign_up

MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ADAPTER = "apps.accounts.adapters.SecondFactorAdapter"
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Antiphon"
MFA_TOTP_TOLERANCE = 1  # of 30 s either way, for clocks that are off
# Browsers themselves allow it on localhost only.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not (env().public_url or "").startswith("https")

SOCIALACCOUNT_ADAPTER = "apps.accounts.adapters.SocialAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False  # only a person who is signed in connects an account elsewhere
SOCIALACCOUNT_PROVIDERS = {
    "openid_connect": {
        "OAUTH_PKCE_ENABLED": True,
        "APPS": [
            {
                "provider_id": provider.id,
                "name": provider.name,
                "client_id": provider.client_id,
                "secret": provider.secret,
                "settings": {"server_url": provider.server_url},
            }
            for provider in env().oidc_providers
        ],
    },
    "github": {
        "SCOPE": ["user:email"],
        "APPS": [
            {"client_id": client_id, "secret": env().github_client_secret}
            for client_id in [env().github_client_id]
            if client_id
        ],
    },
}

globals().update(mail_settings(env().email_url))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env().default_from_email
