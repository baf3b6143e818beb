"""Events to the outside: from the outbox to webhooks and MQTT, at least once, in order for each charge point.

`manage.py deliver_events` runs both. It reads the feed of what has committed, so nothing is sent that did not happen,
and remembers how far it has come only after the receiver has confirmed: a crash in between sends again, with the same id.
"""

from django.dispatch import Signal

# Sent once by a process that is about to deliver.
delivery_began = Signal()
