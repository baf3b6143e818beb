"""A password hash that costs nothing, for tests. Any process can check it: only the number of rounds differs."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """One round."""

    iterations = 1
