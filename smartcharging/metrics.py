"""What Prometheus sees of this app."""

from prometheus_client import Counter, Histogram

from smartcharging.models import CircuitRound

ROUNDS = Counter("csms_circuit_rounds_total", "Rounds of load management run by this process.", ["cause"])
ROUNDS_LEFT = Counter(
    "csms_circuit_rounds_left_total", "Rounds that were not run: another was at work, or the tree is switched off."
)
ROUND_SECONDS = Histogram(
    "csms_circuit_round_seconds",
    "A round from its beginning to its commit.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
COMPUTE_SECONDS = Histogram(
    "csms_circuit_compute_seconds",
    "The part of a round that is computing.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5),
)
LIMITS_SENT = Counter("csms_circuit_limits_sent_total", "Limits that rounds have sent to connectors.")


def note_round(done: CircuitRound | None) -> None:
    """Count a round that was asked for; None: it was not run."""
    if done is None:
        ROUNDS_LEFT.inc()
        return
    ROUNDS.labels(done.cause).inc()
    COMPUTE_SECONDS.observe(done.compute_ms / 1000)
    LIMITS_SENT.inc(done.sent)
