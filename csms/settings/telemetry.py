"""Where processes without an HTTP server of their own serve their metrics."""

KINDS = ("worker", "beat", "events")


def metrics_ports(raw: str) -> dict[str, int]:
    """The port of each kind of process from `9101` (whatever this process is) or `worker:9101,beat:9102,events:9103`.

    Empty: none. SystemExit names what is wrong.
    """
    ports: dict[str, int] = {}
    for entry in filter(None, (part.strip() for part in raw.split(","))):
        kind, colon, number = entry.rpartition(":")
        if (colon and kind not in KINDS) or not number.isdecimal() or not 0 < int(number) < 65536:
            raise SystemExit(
                f"CSMS_METRICS_PORT is a port, or ports of {', '.join(KINDS)} (worker:9101), not {entry!r}"
            )
        ports |= {kind: int(number)} if colon else dict.fromkeys(KINDS, int(number))
    return ports
