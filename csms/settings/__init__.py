"""Settings of every process. Values come from the environment (see `runtime.py` and docs/operations.md)."""

import sys
from datetime import timedelta
from pathlib import Path

from csms.settings import maps, redis_urls
from csms.settings.database import databases, own_databases
from csms.settings.logging import configure_structlog, logging_config
from csms.settings.production import refuse_unsafe
from csms.settings.runtime import BASE_DIR, DATA_DIR, env, env_bool, env_int, env_list, runtime
from csms.settings.schema import SPECTACULAR
from csms.settings.telemetry import metrics_ports
from csms.settings.unfold import UNFOLD_SETTINGS

ENVIRONMENT = env("CSMS_ENV", "development")
PRODUCTION = ENVIRONMENT == "production"
TESTING = ENVIRONMENT == "test"
DEBUG = env_bool("CSMS_DEBUG", default=False)
SECRET_KEY = runtime("secret_key") or ("" if PRODUCTION else "development-only-key-not-for-production-use-at-all")
# Keys the hash of station passwords. Apart from SECRET_KEY, so that rotating sessions keeps stations signed in.
STATION_PASSWORD_KEY = runtime("password_key") or SECRET_KEY
# Seal secrets at rest (keys of certificate authorities): the first seals, all open. The last is for what was sealed
# before there was one of its own.
SEALING_KEYS = [*env_list("CSMS_SEALING_KEYS"), STATION_PASSWORD_KEY]
ALLOWED_HOSTS = env_list("CSMS_ALLOWED_HOSTS", "" if PRODUCTION else "*")
CSRF_TRUSTED_ORIGINS = env_list("CSMS_CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "csms.apps.CsmsAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "tenants",
    "chargepoints",
    "metering",
    "smartcharging",
    "csms",
]
if "runserver" in sys.argv:
    # Development: `manage.py runserver` under daphne, websockets included. Elsewhere it would put its reactor into every process.
    INSTALLED_APPS.insert(0, "daphne")
MIDDLEWARE = [
    "csms.middleware.request_id",
    "csms.health.requests.count_requests",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "csms.language.PersonsLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenants.middleware.choose_tenant",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "csms.urls"
ASGI_APPLICATION = "csms.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = databases(pool=env_bool("CSMS_DB_POOL", default=not TESTING))
DATABASE_ROUTERS = ["tenants.router.ScopeRouter"]
# Names of databases beside the main one; what tenants live there, Tenant.database says.
TENANT_DATABASES = tuple(own_databases)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_APP_ROLE = env("CSMS_DATABASE_APP_ROLE", "csms_app")
DATABASE_SYSTEM_ROLE = env("CSMS_DATABASE_SYSTEM_ROLE", "csms_system")

REDIS_URL, REDIS_SPILL_URL, REDIS_BROKER_URL = redis_urls.REDIS_URL, redis_urls.SPILL_URL, redis_urls.BROKER_URL
REDIS_CACHE_URL = redis_urls.CACHE_URL
CHANNEL_LAYERS, CACHES = redis_urls.CHANNEL_LAYERS, redis_urls.CACHES

CELERY_BROKER_URL = redis_urls.CELERY_BROKER_URL
CELERY_BROKER_TRANSPORT_OPTIONS = redis_urls.CELERY_BROKER_TRANSPORT_OPTIONS
CELERY_BROKER_USE_SSL = redis_urls.CELERY_BROKER_USE_SSL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")

if TESTING:
    # Hashing that is slow on purpose took half of the time of the tests.
    PASSWORD_HASHERS = ["csms.local.hashing.QuickHasher"]
# What a failed sign-in waits for after the password was looked at: longer than an entry in the trail takes.
SIGN_IN_PAUSE_SECONDS = 0.0 if TESTING else 0.25
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["tenants.auth.PeopleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# The link of a mail that lets somebody set a new password; seconds.
PASSWORD_RESET_TIMEOUT = 3600
# What authenticator apps call this system, beside the user's name.
TWO_FACTOR_ISSUER = env("CSMS_TWO_FACTOR_ISSUER", "CSMS")
# Platform staff must sign in with a code besides the password, whatever the tenants ask of theirs.
STAFF_TWO_FACTOR = env_bool("CSMS_STAFF_TWO_FACTOR", default=False)
LOGIN_URL = "admin:login"
SESSION_ENGINE = "tenants.sessions"
SESSION_COOKIE_NAME = "csms_session"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "csms_csrf"

LANGUAGE_CODE = "en"
# Of mails that nobody's browser asked for (alerts): en or de.
MAIL_LANGUAGE = env("CSMS_MAIL_LANGUAGE", "en")
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "csms" / "locale"]
LANGUAGE_COOKIE_NAME = "csms_language"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
FORMAT_MODULE_PATH = ["csms.formats"]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = Path(env("CSMS_STATIC_DIR") or DATA_DIR / "static")
STATICFILES_DIRS = maps.STATICFILES_DIRS
MAP_TILES_URL, MAP_TILES_ATTRIBUTION = maps.MAP_TILES_URL, maps.MAP_TILES_ATTRIBUTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
# Outside production the files are served straight from the installed apps: no collectstatic step.
WHITENOISE_USE_FINDERS = not PRODUCTION
# Looking for all of them when a handler is made took a fifth of the tests' time: each test client makes one.
WHITENOISE_AUTOREFRESH = TESTING
MEDIA_ROOT = DATA_DIR / "media"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# What any request may send, and what a file (a station's upload, a firmware) may be; bytes.
MAX_BODY_BYTES = env_int("CSMS_MAX_BODY_BYTES", 16 * 1024 * 1024)
UPLOAD_MAX_BYTES = env_int("CSMS_UPLOAD_MAX_BYTES", 64 * 1024 * 1024)
# A station has so long to send what it was asked for; what it sent is kept so many days.
UPLOAD_HOURS = env_int("CSMS_UPLOAD_HOURS", 24)
UPLOAD_DAYS = env_int("CSMS_UPLOAD_DAYS", 90)
# A station that has not finished an update after so long has failed (a rollout has its own time).
FIRMWARE_UPDATE_HOURS = env_int("CSMS_FIRMWARE_UPDATE_HOURS", 48)
# Lists as files: how many a process makes at a time; of how many rows, and for how many seconds. A workbook is made before
# it is sent, so a proxy waits that long; a CSV file is made while the client reads, however slowly.
EXPORTS_AT_ONCE = env_int("CSMS_EXPORTS_AT_ONCE", 4)
EXPORT_CSV_ROWS = env_int("CSMS_EXPORT_CSV_ROWS", 10_000_000)
EXPORT_CSV_SECONDS = env_int("CSMS_EXPORT_CSV_SECONDS", 3600)
EXPORT_XLSX_ROWS = env_int("CSMS_EXPORT_XLSX_ROWS", 1_500_000)
EXPORT_XLSX_SECONDS = env_int("CSMS_EXPORT_XLSX_SECONDS", 600)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "tenants.api.authentication.BearerAuthentication",
        "tenants.api.authentication.ApiKeyAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["tenants.api.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": [
        "tenants.api.renderers.EnvelopeRenderer",
        "tenants.api.renderers.ProblemRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["tenants.api.throttling.TenantThrottle"],
    "DEFAULT_PAGINATION_CLASS": "tenants.api.pagination.EnvelopePagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "tenants.api.exceptions.handle_exception",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "UNAUTHENTICATED_USER": None,
    "NUM_PROXIES": env_int("CSMS_PROXIES", 0),
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env_int("CSMS_ACCESS_TOKEN_MINUTES", 30)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env_int("CSMS_REFRESH_TOKEN_DAYS", 7)),
    "USER_ID_CLAIM": "sub",
    "UPDATE_LAST_LOGIN": False,
}
SPECTACULAR_SETTINGS = SPECTACULAR
UNFOLD = UNFOLD_SETTINGS

# --- the gateway (OCPP.md "Connection") ---
GATEWAY_PORT = env_int("CSMS_GATEWAY_PORT", 9000)
GATEWAY_MAX_FRAME_BYTES = env_int("CSMS_MAX_FRAME_BYTES", 65536)
GATEWAY_FRAMES_PER_SECOND = env_int("CSMS_FRAMES_PER_SECOND", 50)
GATEWAY_FRAME_BURST = env_int("CSMS_FRAME_BURST", 500)
GATEWAY_THREADS = env_int("CSMS_DB_POOL_SIZE", 8)
GATEWAY_LEASE_SECONDS = env_int("CSMS_GATEWAY_LEASE_SECONDS", 15)
GATEWAY_BEAT_SECONDS = env_int("CSMS_GATEWAY_BEAT_SECONDS", 3)
# A station whose sign-in would have to wait for longer is told at once to come again later.
GATEWAY_SIGN_IN_WAIT_SECONDS = env_int("CSMS_SIGN_IN_WAIT_SECONDS", 10)
COMMAND_TIMEOUT_SECONDS = env_int("CSMS_COMMAND_TIMEOUT_SECONDS", 30)
# Only these peers may hand on a client certificate's identity or the original scheme (profiles 2 and 3).
TRUSTED_PROXIES = env_list("CSMS_TRUSTED_PROXIES")
# A station's certificate is renewed so many days before it expires.
CERTIFICATE_RENEWAL_DAYS = env_int("CSMS_CERTIFICATE_RENEWAL_DAYS", 30)
# How long a station that is to raise its security profile may take to come back with the new one.
SECURITY_PROFILE_SECONDS = env_int("CSMS_SECURITY_PROFILE_SECONDS", 3600)
SECURITY_EVENT_DAYS = env_int("CSMS_SECURITY_EVENT_DAYS", 365)
# Requests that tenants' systems are sent (who decides about tags) may go to private addresses, and over http.
# For development and closed networks only: a tenant could reach whatever this server can.
ALLOW_PRIVATE_HOOKS = env_bool("CSMS_ALLOW_PRIVATE_HOOKS", default=False)
# The broker that events of all tenants are published to: mqtt[s]://[user:password@]host[:port]; empty: none.
MQTT_URL = env("CSMS_MQTT_URL")
MQTT_CA_FILE = env("CSMS_MQTT_CA_FILE")
MESSAGE_LOG_DAYS = env_int("CSMS_MESSAGE_LOG_DAYS", 7)
# Days of each station that say how long it was online are kept for so many days.
UPTIME_DAYS = env_int("CSMS_UPTIME_DAYS", 400)
DEFAULT_TENANT_SLUG = env("CSMS_DEFAULT_TENANT", "demo")
METRICS_TOKEN = env("CSMS_METRICS_TOKEN")
# Processes that serve no HTTP (worker, beat, events): where they serve their metrics; empty: nowhere.
METRICS_PORTS = metrics_ports(env("CSMS_METRICS_PORT"))
METRICS_HOST = env("CSMS_METRICS_HOST", "127.0.0.1")
# OpenTelemetry's own variables; without an endpoint nothing is traced, and none of it is loaded.
TRACING = bool(env("OTEL_EXPORTER_OTLP_ENDPOINT") or env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")) and not env_bool(
    "OTEL_SDK_DISABLED", default=False
)

# --- ingest (DESIGN §4) ---
METERING_FLUSH_VALUES = env_int("METERING_FLUSH_VALUES", 100)
METERING_FLUSH_INTERVAL_MS = env_int("METERING_FLUSH_INTERVAL_MS", 3)
METERING_BUFFER_LIMIT = env_int("METERING_BUFFER_LIMIT", 50_000)
# Values that Redis may hold while PostgreSQL is away, about 15 bytes each.
METERING_SPILL_LIMIT = env_int("METERING_SPILL_LIMIT", 5_000_000)
METERING_SAMPLE_DAYS = env_int("METERING_SAMPLE_DAYS", 7)
# A register that rises faster than this is another meter's.
METERING_LARGEST_POWER_W = env_int("METERING_LARGEST_POWER_W", 1_000_000)
# A car that has taken less than this for so long is parked, not charging.
METERING_PARKED_BELOW_W = env_int("METERING_PARKED_BELOW_W", 100)
METERING_PARKED_AFTER_S = env_int("METERING_PARKED_AFTER_S", 300)
# After a session's stop its charge detail record waits so long for the last readings.
METERING_RECORD_AFTER_S = env_int("METERING_RECORD_AFTER_S", 60)

# --- mail (alerts). Without a server: to the console in development, nowhere in production (metering.W001) ---
EMAIL_HOST = env("CSMS_EMAIL_HOST")
EMAIL_PORT = env_int("CSMS_EMAIL_PORT", 587)
EMAIL_HOST_USER = env("CSMS_EMAIL_USER")
EMAIL_HOST_PASSWORD = env("CSMS_EMAIL_PASSWORD")
EMAIL_USE_SSL = env_bool("CSMS_EMAIL_SSL", default=False)
EMAIL_USE_TLS = not EMAIL_USE_SSL and env_bool("CSMS_EMAIL_STARTTLS", default=True)
EMAIL_TIMEOUT = 15
DEFAULT_FROM_EMAIL = env("CSMS_EMAIL_FROM", "csms@localhost")
_MAILER = "smtp" if EMAIL_HOST else "dummy" if PRODUCTION else "console"
EMAIL_BACKEND = f"django.core.mail.backends.{_MAILER}.EmailBackend"
# Where people reach the back office (links in mails) and stations reach their files: https://csms.example.com
_LOCAL_URL = "" if PRODUCTION else f"http://127.0.0.1:{env_int('CSMS_WEB_PORT', 8000)}"
PUBLIC_URL = env("CSMS_PUBLIC_URL") or _LOCAL_URL

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env_bool("CSMS_SSL_REDIRECT", default=True)
    # Probes and scrapers inside the network speak plain HTTP to the process itself.
    SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics(/system)?$"]
    SECURE_HSTS_SECONDS = env_int("CSMS_HSTS_SECONDS", 31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    LANGUAGE_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    refuse_unsafe(secret_key=SECRET_KEY, password_key=STATION_PASSWORD_KEY, debug=DEBUG, hosts=ALLOWED_HOSTS)

configure_structlog()
LOGGING = logging_config(json_lines=env_bool("CSMS_LOG_JSON", default=PRODUCTION), level=env("CSMS_LOG_LEVEL", "INFO"))
