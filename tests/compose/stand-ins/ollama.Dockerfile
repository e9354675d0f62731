# A substitute for ollama/ollama: the same command, port, folder and protocol, without a language model.
FROM docent
USER root
COPY fakes /stand-in/tests/fakes
COPY __init__.py /stand-in/tests/
COPY compose/stand-ins/ollama.py /usr/local/bin/ollama
RUN chmod 0755 /usr/local/bin/ollama
ENV OLLAMA_HOST=0.0.0.0:11434 PYTHONDONTWRITEBYTECODE=1
EXPOSE 11434
HEALTHCHECK NONE
ENTRYPOINT ["/usr/local/bin/ollama"]
CMD ["serve"]
