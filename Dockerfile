# The chat, the ingest script and the embedding model in one image; nothing is fetched at run time.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS packages
WORKDIR /app
COPY requirements.txt ./
COPY tools/install.sh tools/
RUN tools/install.sh requirements.txt \
    # What Docent never loads: headers, tests, installers, engines for other processors, other model formats,
    # and the cluster client of Chroma's hosted form. What it seldom loads is compiled when it does.
    && cd .venv/lib/python*/site-packages \
    && rm -rf torch/include torch/share torch/test kubernetes pip setuptools \
    && find torch/bin -type f ! -name torch_shm_manager -delete \
    && (cd openvino/libs && rm -f *_gpu_plugin* *_npu_plugin* cache.json *_onnx_* *_tensorflow_* *_pytorch_* *_paddle_* *_gguf_* *_jax_*) \
    && find . -type d \( -name tests -o -name test \) -prune -exec rm -rf {} + \
    && find torch transformers sympy scipy sklearn networkx nltk onnxruntime -type d -name __pycache__ -prune -exec rm -rf {} + \
    && find . \( -name '*.pyi' -o -name '*.js.map' \) -delete
# What several replicas need besides: PostgreSQL's driver and the like.
COPY requirements-cluster.txt ./
RUN pip --python .venv install --quiet --no-deps --no-compile -r requirements-cluster.txt

FROM ${PYTHON}
LABEL org.opencontainers.image.title="Docent" \
      org.opencontainers.image.description="Ask your own documents, on your own machine, and see the page each answer came from." \
      org.opencontainers.image.licenses="MIT"
# Tesseract reads scans; the dictionaries translate questions where no model does (80 MB, GPL, files beside).
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends tesseract-ocr tesseract-ocr-deu tesseract-ocr-fra \
       tesseract-ocr-ita tesseract-ocr-nld tesseract-ocr-por tesseract-ocr-spa \
       dict-freedict-deu-eng dict-freedict-eng-deu dict-freedict-deu-fra dict-freedict-fra-deu \
       dict-freedict-fra-eng dict-freedict-eng-fra dict-freedict-spa-eng dict-freedict-eng-spa \
       dict-freedict-spa-deu dict-freedict-deu-spa dict-freedict-ita-eng dict-freedict-eng-ita \
       dict-freedict-ita-deu dict-freedict-deu-ita dict-freedict-nld-eng dict-freedict-eng-nld \
       dict-freedict-nld-deu dict-freedict-deu-nld dict-freedict-por-eng dict-freedict-eng-por >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && useradd --uid 1000 --create-home docent \
    && install -d -o docent -g docent /app /app/storage /app/storage/originals /app/.files
WORKDIR /app
COPY --from=packages /app/.venv .venv
# Chainlit writes missing translations beside the app at every start, so the image has all of them.
RUN mkdir -p .chainlit .files && cp -r .venv/lib/python*/site-packages/chainlit/translations .chainlit/
COPY . .
USER docent
ENV DOCENT_HOST=0.0.0.0 \
    OMP_THREAD_LIMIT=1 \
    PATH=/app/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1
EXPOSE 8000
VOLUME /app/storage
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/ready', timeout=4)"]
CMD ["python", "-m", "docent", "serve"]
