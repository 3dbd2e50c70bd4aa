# Writes what the libraries in an image are, as CycloneDX. Nothing of this is in the image itself.
ARG IMAGE
ARG PYTHON_IMAGE=python:3.13-slim
ARG UV_IMAGE=ghcr.io/astral-sh/uv:latest
FROM ${UV_IMAGE} AS uv

FROM ${PYTHON_IMAGE} AS lister
RUN --mount=from=uv,source=/uv,target=/usr/local/bin/uv \
    --mount=type=cache,target=/var/cache/uv \
    --mount=type=bind,source=deploy/containers/sbom.txt,target=/tmp/sbom.txt \
    export VIRTUAL_ENV=/opt/lister UV_CACHE_DIR=/var/cache/uv UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
 && uv venv --quiet --python python3.13 /opt/lister && uv pip sync --quiet --require-hashes /tmp/sbom.txt

FROM ${IMAGE} AS released

FROM lister AS list
ARG ROOT
ARG SOURCE_DATE_EPOCH
RUN --mount=from=released,source=/opt/venv,target=/opt/venv \
    --mount=from=released,source=/app,target=/app \
    mkdir /out && /opt/lister/bin/cyclonedx-py environment --output-reproducible --spec-version 1.6 \
    --pyproject ${ROOT} --output-file /out/sbom.cdx.json /opt/venv/bin/python

FROM scratch
COPY --from=list /out/sbom.cdx.json /
