"""What Prometheus sees of this app."""

from prometheus_client import Counter, Gauge, Histogram

INGESTED = Counter("csms_readings_total", "Readings made durable.")
SPILLED = Counter("csms_readings_spilled_total", "Readings that went to Redis while PostgreSQL was away.")
DRAINED = Counter("csms_readings_drained_total", "Readings brought from Redis to PostgreSQL.")
REFUSED = Counter("csms_reading_messages_refused_total", "Messages whose readings could not be stored.")
SKIPPED = Counter("csms_readings_skipped_total", "Values that are no numbers or have no readable time.")
POSTGRES_AWAY = Gauge("csms_ingest_postgres_away", "1 while readings go to Redis.")
LIVE_FAILED = Counter("csms_live_statistics_failed_total", "Batches of live statistics that Redis did not take.")
LIVE_LATE = Counter("csms_live_statistics_late_total", "Messages that came too late for the rebuilt statistics.")
ALERTS_DROPPED = Counter("csms_alerts_dropped_total", "Messages not compared, or alerts not written, for want of room.")
INGEST_WAITING = Gauge("csms_readings_waiting", "Readings that wait for a commit.")
BATCH_VALUES = Histogram(
    "csms_reading_batch_values", "Readings per transaction.", buckets=(1, 5, 20, 50, 100, 200, 500, 1000, 2000)
)
