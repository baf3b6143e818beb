"""What: sites, charge points, connectors, id tags, transactions, commands, the raw message log, the gateway.

Knows nothing of readings, tariffs or charging profiles; those act on what is published here.
"""
