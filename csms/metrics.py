"""What Prometheus sees of every process: HTTP requests, background tasks, the event loop, live boards."""

from prometheus_client import Counter, Gauge, Histogram

HTTP_REQUESTS = Counter("csms_http_requests_total", "HTTP requests answered.", ["part", "method", "status"])
HTTP_SECONDS = Histogram(
    "csms_http_request_seconds",
    "From a request's receipt to its answer's head.",
    ["part"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
PEOPLE_REFUSED = Counter("csms_people_sign_ins_refused_total", "Sign-ins of people with a wrong name or password.")
TASKS_PUBLISHED = Counter("csms_tasks_published_total", "Background tasks handed to the broker.", ["task"])
TASKS = Counter("csms_tasks_total", "Background tasks ended by this process.", ["task", "outcome"])
TASK_SECONDS = Histogram(
    "csms_task_seconds",
    "How long background tasks run.",
    ["task"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800),
)
TASK_WAIT_SECONDS = Histogram(
    "csms_task_wait_seconds",
    "From when a background task was due to its beginning.",
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800),
)
LOOP_DELAY_SECONDS = Histogram(
    "csms_event_loop_delay_seconds",
    "How much later than asked for the event loop of a gateway woke a task that slept for a second.",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)
BOARDS_OPEN = Gauge("csms_boards_open", "Live boards that people look at.")
BOARD_PUSHES = Counter("csms_board_pushes_total", "Messages to open live boards.", ["type"])
BOARD_FAILURES = Counter("csms_board_failures_total", "Readings of a tenant's board that failed.")
BOARD_SECONDS = Histogram(
    "csms_board_seconds",
    "How long a tenant's board takes to be read.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
