"""Tenants with a database of their own: which there are, who lives where, what is kept the same in each, and moving.

The main database holds the *directory* (tenants, people, memberships, API keys, what the platform's staff look at) and the
rows of all tenants that have no other place. Another database holds the rows of the tenants that live there, with a copy of
their rows of the directory that others refer to (ADR 12).
"""
