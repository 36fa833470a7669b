"""Settings of every process. Values come from `antiphon.config.env`; importing this needs no server."""

import warnings

from antiphon.config.env import PROJECT, env
from antiphon.config.settings.accounts import *  # noqa: F403
from antiphon.config.settings.accounts import ACCOUNT_APPS
from antiphon.config.settings.databases import database
from antiphon.config.settings.files import tenants_storage
from antiphon.config.settings.logs import configure_logs
from antiphon.config.settings.security import *  # noqa: F403
from antiphon.config.settings.security import PUBLIC_HOSTS
from antiphon.config.settings.workers import *  # noqa: F403
from antiphon.config.settings.workers import redis_url

DATA_DIR = env().antiphon_data_dir
USAGE_SPOOL = DATA_DIR / "spool" / "usage"
RECORDINGS_SPOOL = DATA_DIR / "spool" / "recordings"

SECRET_KEY = env().secret_key or ""  # Django refuses to use an empty one
DEBUG = env().debug
ALLOWED_HOSTS = [*env().allowed_hosts, *PUBLIC_HOSTS]
API_KEY_PEPPERS = env().api_key_peppers
ENCRYPTION_KEYS = env().encryption_keys
OUTBOUND_ALLOW = env().outbound_allow

PUBLIC_URL = (env().public_url or "").rstrip("/")
TENANT_DOMAIN = env().tenant_domain or ""
TRUSTED_PROXIES = env().trusted_proxies

SESSION_MAX_SECONDS = env().session_max_seconds
SESSION_RESUME_SECONDS = env().session_resume_seconds
SESSION_LOG_DAYS = env().session_log_days
TRANSCRIPT_DAYS = env().transcript_days
RECORDING_DAYS = env().recording_days
REDACTOR = env().redactor
SESSIONS_PER_TENANT = env().sessions_per_tenant
SESSIONS_PER_KEY = env().sessions_per_key
SESSIONS_PER_ADDRESS = env().sessions_per_address
EVENTS_PER_SECOND = env().events_per_second
EVENTS_PER_SECOND_PER_KEY = env().events_per_second_per_key
WEB_PROCESSES = env().antiphon_web_processes
API_REQUESTS_PER_MINUTE = env().api_requests_per_minute

BILLING = env().billing == "on"
PLANS_FILE = env().plans_file
BILLING_GRACE_DAYS = env().billing_grace_days
STRIPE_SECRET_KEY = env().stripe_secret_key or ""
STRIPE_WEBHOOK_SECRETS = env().stripe_webhook_secret
STRIPE_TAX = env().stripe_tax

INSTALLED_APPS = [
    "daphne",  # first, so that runserver speaks WebSocket
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_cotton",
    "django_htmx",
    "lucide",
    *ACCOUNT_APPS,
    "csp",
    "unfold.apps.BasicAppConfig",
    "apps.core",
    "apps.core.staff.StaffAdminConfig",
    "channels",
    "apps.audit",
    "apps.accounts",
    "apps.tenants",
    "apps.limits",
    "apps.keys",
    "apps.credentials",
    "apps.usage",
    "apps.customers",
    "apps.routers",
    "apps.tools",
    "apps.agents",
    "apps.jobs",
    "apps.files",
    "apps.conversations",
    "apps.recordings",
    "apps.transcripts",
    "apps.privacy",
    "apps.webhooks",
    "apps.analytics",
    "apps.reports",
    "apps.billing",
    "apps.api",
    "apps.dashboard",
]
REST_MIDDLEWARE = ["apps.core.middleware.request_id", "apps.api.middleware.api_responses"]
MIDDLEWARE = [
    *REST_MIDDLEWARE,
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "antiphon.config.urls"
ASGI_APPLICATION = "antiphon.config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.dashboard.context.shell",
            ]
        },
    }
]
COTTON_ISOLATE_BY_DEFAULT = True  # a component sees what it is given, and what every page has

DATABASES = {
    "default": database(env().database_url or "", pool={"min_size": 2, "max_size": 10, "timeout": 10}),
    "across": database(env().across_database_url or "", pool={"min_size": 0, "max_size": 4, "timeout": 10}),
}
DATABASE_ROUTERS = ["apps.core.tenancy.TenancyRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = redis_url(env())
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "antiphon",
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL]},
    }
}

WEBHOOK_TIMEOUT_SECONDS = 15.0  # for the whole answer

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
STATICFILES_DIRS = [("screens", PROJECT / "docs/screens")]  # the pictures in the documentation
# WhiteNoise answers with files, which Django then reads in a thread: right for the few that pages need.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")
WHITENOISE_USE_FINDERS = True  # straight from the apps, with no collectstatic step

STORAGES = {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},  # nothing is kept in it
    "tenants": tenants_storage(env(), DATA_DIR),
}
FILES_ENCRYPTION = env().files_encryption == "on"

LOGGING = configure_logs(json=not DEBUG)
