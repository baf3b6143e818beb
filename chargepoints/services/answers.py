"""What a station answered to a command, as its row tells."""

from chargepoints.models import Command


def answer_of(command: Command | None) -> str:
    """The status that the station gave, also one that came after the time-out; empty: none."""
    for reply in (command.reply, command.late_reply) if command is not None else ():
        if isinstance(reply, dict) and isinstance(reply.get("status"), str):
            return str(reply["status"])
    return ""
