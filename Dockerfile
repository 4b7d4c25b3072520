# syntax=docker/dockerfile:1
# Build: docker build -t index-snapshots .
# Run:   docker run -p 7700:7700 -v "$PWD/data:/data" -e MEILI_MASTER_KEY=... index-snapshots

FROM rust:1-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --package meilisearch \
    && cp target/release/meilisearch /usr/local/bin/meilisearch

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 1000 --home-dir /data --shell /usr/sbin/nologin meili \
    && install -d -o meili -g meili /data
COPY --from=build /usr/local/bin/meilisearch /usr/local/bin/meilisearch
USER meili
WORKDIR /data
VOLUME /data
ENV MEILI_HTTP_ADDR=0.0.0.0:7700 \
    MEILI_DB_PATH=/data/data.ms \
    MEILI_SNAPSHOT_DIR=/data/snapshots \
    MEILI_DUMP_DIR=/data/dumps \
    MEILI_NO_ANALYTICS=true
EXPOSE 7700
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s \
    CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/7700 && printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q available <&3"]
ENTRYPOINT ["tini", "--"]
CMD ["meilisearch"]
