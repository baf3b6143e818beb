"""What Prometheus sees of this app."""

from prometheus_client import Counter, Histogram

# sink: webhook, mqtt; result: delivered, refused (an answer that is no success), no_answer.
DELIVERIES = Counter("csms_event_deliveries_total", "Attempts to deliver an event.", ["sink", "result"])
POST_SECONDS = Histogram(
    "csms_webhook_post_seconds",
    "How long addresses of webhooks take to answer.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)


def result_of(status_code: int | None) -> str:
    """What an HTTP status says of a delivery; None: no answer."""
    if status_code is None:
        return "no_answer"
    return "delivered" if 200 <= status_code < 300 else "refused"
