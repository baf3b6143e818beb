"""Structured logs: one JSON object a line in production, readable lines in development.

Every line carries what the context knows: tenant, charge_point, message_id, request_id
(bound with `structlog.contextvars`). Secrets are masked by key name before a line is rendered.
"""

import logging
from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger

SECRET_WORDS = ("password", "authorization", "secret", "token", "api_key", "cookie")


def mask_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace values whose key names a secret; a log is read by more people than a database."""
    for key in event:
        if any(word in key.lower() for word in SECRET_WORDS):
            event[key] = "***"
    return event


def _shared() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        mask_secrets,
    ]


def configure_structlog() -> None:
    """Route structlog through the standard library, so that third parties' logs look like ours."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _console() -> structlog.dev.ConsoleRenderer:
    # Plain: a traceback with local variables would show secrets.
    return structlog.dev.ConsoleRenderer(
        colors=False, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
    )


def logging_config(*, json_lines: bool, level: str) -> dict[str, Any]:
    """Django's LOGGING. `json_lines` for machines, else console lines for people."""
    renderer: Any = structlog.processors.JSONRenderer() if json_lines else _console()
    processors: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if json_lines:
        processors.append(structlog.processors.format_exc_info)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [*processors, renderer],
                "foreign_pre_chain": _shared(),
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},
            "django.channels.server": {"level": "WARNING"},
            "daphne": {"level": "WARNING"},
            "uvicorn.access": {"level": "WARNING"},
            "ocpp": {"level": "WARNING"},
            "websockets": {"level": "WARNING"},
        },
    }


def quiet_third_parties() -> None:
    """Silence chatty libraries outside Django's control."""
    logging.getLogger("asyncio").setLevel(logging.WARNING)
