"""Deleting a tenant: its data to files first, then out of the database, table by table, in steps that may be interrupted.

Knows no app but its own: what belongs to a tenant it learns from the model registry (`tenants.owned`).
"""
