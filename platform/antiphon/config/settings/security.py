"""What browsers are told, and what is believed of proxies."""

from urllib.parse import urlsplit

from csp.constants import NONCE, NONE, SELF

from antiphon.config.env import env

_public = urlsplit((env().public_url or "").rstrip("/"))
_domain = env().tenant_domain or ""
_https = _public.scheme == "https"
_websocket = "wss" if _https else "ws"

# Hosts that are ours without being named in ALLOWED_HOSTS.
PUBLIC_HOSTS = [host for host in (_public.hostname, f".{_domain}" if _domain else None) if host]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"] if _public.netloc else []

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if _https else 0
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
# A proxy that ends TLS says so; only one that we were told of is believed.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env().trusted_proxies else None
X_FRAME_OPTIONS = "DENY"

# A form that leads to a server by which people sign in may be sent there.
_sign_in = ["https://github.com"] * bool(env().github_client_id) + [
    f"{parts.scheme}://{parts.netloc}"
    for parts in (urlsplit(provider.server_url) for provider in env().oidc_providers)
]
# Nor may one that leads to the pages where people pay be kept from them.
_pay = ["https://checkout.stripe.com", "https://billing.stripe.com"] * bool(env().stripe_secret_key)
_sockets = [f"{_websocket}://{_public.netloc}"] if _public.netloc else []
if _domain:
    _sockets += [f"{_websocket}://*.{_domain}", f"{_public.scheme or 'http'}://*.{_domain}"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF, *_sockets],
        "media-src": [SELF, "blob:"],
        "worker-src": [SELF, "blob:"],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "base-uri": [SELF],
        "form-action": [SELF, *_sign_in, *_pay],
    }
}
_OFF = (
    "accelerometer camera display-capture encrypted-media fullscreen geolocation gyroscope magnetometer midi "
    "payment serial usb xr-spatial-tracking"
)
PERMISSIONS_POLICY: dict[str, str | list[str]] = {
    **{feature: [] for feature in _OFF.split()},
    "microphone": "self",
    "autoplay": "self",
    "publickey-credentials-get": "self",
    "publickey-credentials-create": "self",
}
