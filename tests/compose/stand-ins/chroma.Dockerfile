# A substitute for chromadb/chroma: the same server, from the Python package.
FROM docent
USER root
RUN mkdir -p /data
WORKDIR /
ENV PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
HEALTHCHECK NONE
ENTRYPOINT ["chroma"]
CMD ["run", "--path", "/data", "--host", "0.0.0.0", "--port", "8000"]
