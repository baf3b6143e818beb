"""The isolation suite: whatever exists is tried as a member of tenant B with the ids of tenant A, in vain.

By construction: routes come from the URL resolver, fields from the API's schema, tables and keys from pg_catalog, pages
from the admin site, consumers from the ASGI application, tasks from Celery. What is new and has no entry in the tables of
these modules fails with a sentence that says what to add.

The measure is stricter than "404": an id of A's is answered exactly as an id that nobody has.
"""
