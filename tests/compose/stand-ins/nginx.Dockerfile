# A substitute for nginx: Debian's, with the user number of the official image.
FROM python:3.11-slim-bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends nginx-light >/dev/null \
    && useradd --uid 101 --system nginx-official
CMD ["nginx", "-g", "daemon off;"]
