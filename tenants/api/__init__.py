"""REST API of this app (API.md)."""
