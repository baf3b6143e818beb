"""Settings of every process. Values come from the environment (see `runtime.py` and docs/operations.md)."""

from datetime import timedelta
from pathlib import Path

from csms.settings.database import databases
from csms.settings.logging import configure_structlog, logging_config
from csms.settings.production import refuse_unsafe
from csms.settings.runtime import BASE_DIR, DATA_DIR, env, env_bool, env_int, env_list, runtime
from csms.settings.schema import SPECTACULAR
from csms.settings.unfold import UNFOLD_SETTINGS

ENVIRONMENT = env("CSMS_ENV", "development")
PRODUCTION = ENVIRONMENT == "production"
TESTING = ENVIRONMENT == "test"
DEBUG = env_bool("CSMS_DEBUG", default=False)
SECRET_KEY = runtime("secret_key") or ("" if PRODUCTION else "development-only-key-not-for-production-use-at-all")
# Keys the hash of station passwords. Apart from SECRET_KEY, so that rotating sessions keeps stations signed in.
STATION_PASSWORD_KEY = runtime("password_key") or SECRET_KEY
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
MIDDLEWARE = [
    "csms.middleware.request_id",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
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
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_APP_ROLE = env("CSMS_DATABASE_APP_ROLE", "csms_app")
DATABASE_SYSTEM_ROLE = env("CSMS_DATABASE_SYSTEM_ROLE", "csms_system")

REDIS_URL = runtime("redis_url") or "redis://127.0.0.1:6379/0"
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "csms"},
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["tenants.auth.PeopleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"
SESSION_COOKIE_NAME = "csms_session"
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "csms_csrf"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "csms" / "locale"]
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = Path(env("CSMS_STATIC_DIR") or DATA_DIR / "static")
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
MEDIA_ROOT = DATA_DIR / "media"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

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
COMMAND_TIMEOUT_SECONDS = env_int("CSMS_COMMAND_TIMEOUT_SECONDS", 30)
# Only these peers may hand on a client certificate's identity or the original scheme (profiles 2 and 3).
TRUSTED_PROXIES = env_list("CSMS_TRUSTED_PROXIES")
MESSAGE_LOG_DAYS = env_int("CSMS_MESSAGE_LOG_DAYS", 7)
DEFAULT_TENANT_SLUG = env("CSMS_DEFAULT_TENANT", "demo")
METRICS_TOKEN = env("CSMS_METRICS_TOKEN")

# --- ingest (DESIGN §4) ---
METERING_FLUSH_VALUES = env_int("METERING_FLUSH_VALUES", 100)
METERING_FLUSH_INTERVAL_MS = env_int("METERING_FLUSH_INTERVAL_MS", 3)
METERING_BUFFER_LIMIT = env_int("METERING_BUFFER_LIMIT", 50_000)
# Values that Redis may hold while PostgreSQL is away, about 15 bytes each.
METERING_SPILL_LIMIT = env_int("METERING_SPILL_LIMIT", 5_000_000)
METERING_SAMPLE_DAYS = env_int("METERING_SAMPLE_DAYS", 7)

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_SSL_REDIRECT = env_bool("CSMS_SSL_REDIRECT", default=True)
    # Probes and scrapers inside the network speak plain HTTP to the process itself.
    SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$"]
    SECURE_HSTS_SECONDS = env_int("CSMS_HSTS_SECONDS", 31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    refuse_unsafe(secret_key=SECRET_KEY, password_key=STATION_PASSWORD_KEY, debug=DEBUG, hosts=ALLOWED_HOSTS)

configure_structlog()
LOGGING = logging_config(json_lines=env_bool("CSMS_LOG_JSON", default=PRODUCTION), level=env("CSMS_LOG_LEVEL", "INFO"))
