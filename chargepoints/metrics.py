"""What Prometheus sees of this app."""

from prometheus_client import Counter, Gauge, Histogram

SOCKETS = Gauge("csms_sockets", "Charge point sockets held by this process.")
MESSAGES = Counter("csms_ocpp_messages_total", "Calls from charge points.", ["action", "outcome"])
HANDLER_SECONDS = Histogram(
    "csms_ocpp_handler_seconds",
    "From a call's receipt to its answer.",
    ["action"],
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BAD_FRAMES = Counter("csms_ocpp_bad_frames_total", "Frames that are no OCPP.")
SIGN_INS_REFUSED = Counter("csms_sign_ins_refused_total", "Upgrades refused.", ["status"])
SIGN_INS_TURNED_AWAY = Counter(
    "csms_sign_ins_turned_away_total", "Upgrades refused at once (503), because their turn would come too late."
)
GUESSES_TURNED_AWAY = Counter(
    "csms_sign_ins_guessing_total",
    "Upgrades refused at once (429), because their passwords were wrong again and again.",
)
SIGN_INS_ABANDONED = Counter(
    "csms_sign_ins_abandoned_total", "Stations that hung up, or that we gave up on, before their sign-in was decided."
)
SIGN_INS_WAITING = Gauge("csms_sign_ins_waiting", "Stations that wait for their sign-in.")
SIGN_IN_SECONDS = Histogram(
    "csms_sign_in_seconds",
    "From a sign-in's taking its place in the line to its decision.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
MESSAGES_NOT_LOGGED = Counter("csms_messages_not_logged_total", "Lines of the message log that were dropped.")
COMMANDS = Counter("csms_commands_total", "Commands ended by this process.", ["action", "state"])
