"""A whole system on one bare machine: embedded PostgreSQL and Redis, the supervisor, test services.

Imports no Django: it runs before there is a database to connect to.
"""
