"""How much: readings from the wire to the table, live statistics. Knows nothing of charging profiles."""
