"""Charging profiles, pure: shapes, translation from and to 1.6, validation, and the composite schedule."""
