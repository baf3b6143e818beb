"""What production refuses to start with: one sentence for each reason."""


def refuse_unsafe(*, secret_key: str, password_key: str, debug: bool, hosts: list[str]) -> None:
    """Raise SystemExit naming the first unsafe setting."""
    if debug:
        raise SystemExit("CSMS_DEBUG must be off in production: debug pages show settings and data to strangers.")
    for name, value in (("CSMS_SECRET_KEY", secret_key), ("CSMS_PASSWORD_KEY", password_key)):
        if len(value) < 50 or len(set(value)) < 10 or value.startswith(("development", "django-insecure", "change")):
            raise SystemExit(f"{name} must be set to a random value of at least 50 characters in production.")
    if secret_key == password_key:
        raise SystemExit("CSMS_PASSWORD_KEY must differ from CSMS_SECRET_KEY: they are rotated apart.")
    if not hosts or "*" in hosts:
        raise SystemExit("CSMS_ALLOWED_HOSTS must name the host names that this system answers to.")
