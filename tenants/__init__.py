"""Who: tenants, people and their roles, programs' keys, the audit trail, the outbox of events.

Knows nothing of charging stations. Everything above stands on its tenant scope (`tenants.context`).
"""
