# The exporter and its locked dependencies on the official Python image.
#
#   docker build --tag pin-exporter .
#
# See docs/deploy.md for build arguments, package indexes and how to run the image.

# Can be a mirror, a digest or another image with Python 3.11+.
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS build
# uvloop and PyYAML contain 17 MB of debug symbols.
RUN command -v strip >/dev/null \
    || { apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils >/dev/null; }
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
# Without pip, because nothing is installed later.
RUN python -m venv --without-pip /opt/pin-exporter
COPY requirements/build.txt requirements/run.txt requirements/
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m pip install --quiet --require-hashes --requirement requirements/build.txt \
    && python -m pip --python /opt/pin-exporter/bin/python install --quiet --no-compile \
        --require-hashes --only-binary :all: --requirement requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY docs/runbooks docs/runbooks
COPY pin_exporter pin_exporter
# Modification time of every file, in Unix seconds; makes the build reproducible.
ARG SOURCE_DATE_EPOCH=0
# Cython sources and type stubs are not needed at run time. Unchecked bytecode stays valid when file times change.
RUN python -m pip wheel --quiet --no-deps --no-build-isolation --no-index --wheel-dir /tmp/wheel . \
    && python -m pip --python /opt/pin-exporter/bin/python install --quiet --no-compile --no-deps --no-index \
        /tmp/wheel/*.whl \
    && find /opt/pin-exporter -name '*.so' -exec strip --strip-unneeded {} + \
    && find /opt/pin-exporter -name '*.py[xi]' -delete -o -name '*.px[di]' -delete \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/pin-exporter/lib \
    && chmod -R u=rwX,go=rX /opt/pin-exporter \
    && find /opt/pin-exporter -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH}" {} +

FROM ${BASE}
COPY --from=build /opt/pin-exporter /opt/pin-exporter
ENV PATH=/opt/pin-exporter/bin:${PATH} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 10242
STOPSIGNAL SIGTERM
# Any other UID works too.
USER 65532:65532
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["pin-exporter", "healthcheck"]
ENTRYPOINT ["pin-exporter"]

# Last, because these change with each build.
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
ARG SOURCE=unknown
ENV PIN_EXPORTER_BUILD_REVISION=${REVISION}
LABEL org.opencontainers.image.title="pin-exporter" \
      org.opencontainers.image.description="Prometheus exporter for AIOZ Pin" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
