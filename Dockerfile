# One image for all services: docker-compose.yml has the command of each.

FROM python:3.11.14-slim-bookworm AS packages
COPY requirements.txt /
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check \
    --require-hashes -r /requirements.txt

FROM python:3.11.14-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent daybreak
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Requests at a time: for the web server, and for Daybreak, which leaves two of these threads free.
ENV GRANIAN_BLOCKING_THREADS=8
# Where the key that signs records is kept: a volume in docker-compose.yml.
RUN install -d -m 700 -o daybreak /var/lib/daybreak
WORKDIR /app
COPY --from=packages /venv /venv
COPY manage.py ./
COPY config config
COPY distribution distribution
COPY evidence evidence
COPY masking masking
COPY phonepool phonepool
COPY sandbox sandbox
COPY subscribers subscribers
COPY templates templates
COPY webhooks webhooks
# The settings require a database and a key; collectstatic uses neither, and the image keeps neither.
RUN DATABASE_URL=postgresql://nobody@localhost/none \
    SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    python manage.py collectstatic --no-input
# The code belongs to root, so that the running process cannot change it.
USER daybreak
EXPOSE 8000 8001
CMD ["python", "-m", "granian", "--host", "0.0.0.0", "--port", "8000", "--http", "1", "--no-ws", \
     "--workers", "1", "--respawn-failed-workers", \
     "--workers-kill-timeout", "5", "--interface", "wsgi", "config.wsgi:application"]
