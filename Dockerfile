# The chat and the ingest script, with the embedding model inside; nothing is fetched at run time.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements.txt tools/install.sh ./
RUN mkdir tools && mv install.sh tools/ && tools/install.sh requirements.txt

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 1000 docent
WORKDIR /app
COPY --from=build /app/.venv .venv
COPY --chown=docent:docent . .
RUN mkdir -p storage .files && chown docent:docent . storage .files .chainlit
USER docent
ENV DOCENT_HOST=0.0.0.0 PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1
EXPOSE 8000
VOLUME /app/storage
CMD ["python", "-m", "docent", "serve"]
