"""Sentences that rounds keep with limits and alerts. Rounds run in a process of their own: pages know them from here."""

from tenants.stored_words import stored

# Behind the reason of a limit that is sent once more.
TRY, OVER = stored("try %(number)s"), stored("over its limit")

KEPT_AGAIN = stored("It keeps to its limit again.")
CIRCUIT_KEPT = stored("The circuit carries no more than it may.")
TAKES_MORE = stored("Takes %(amps)s A, may take %(limit)s A (%(circuit)s).")
CARRIES_MORE = stored("%(circuit)s carries %(amps)s A on L%(phase)s, and may carry %(capacity)s A.")
