# syntax=docker/dockerfile:1
# Pinned by version; to pin by content, append the digest: ...:2.9.6@sha256:...
ARG DENO_IMAGE=docker.io/denoland/deno:2.9.6
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM --platform=$BUILDPLATFORM ${DENO_IMAGE} AS build
ARG TARGETARCH
WORKDIR /src
COPY deno.json deno.lock main.ts ./
COPY vendor vendor
COPY lib lib
COPY tools tools
# DENO=deno: compile with the deno of the PATH. Cross-compiled, never emulated.
RUN case "${TARGETARCH:-$(uname -m)}" in \
      amd64 | x86_64) target=x86_64-unknown-linux-gnu ;; \
      arm64 | aarch64) target=aarch64-unknown-linux-gnu ;; \
      *) echo "no target for ${TARGETARCH}" >&2; exit 1 ;; \
    esac; \
    DENO=deno deno task build "$target"

FROM ${BASE_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="kubenurse" \
      org.opencontainers.image.description="Probes the network of a Kubernetes cluster from every node" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /src/dist/kubenurse /kubenurse
# a number, so that runAsNonRoot can be checked
USER 65532:65532
# glibc: return freed memory at once, and keep one pool instead of one a thread
ENV MALLOC_TRIM_THRESHOLD_=65536 MALLOC_ARENA_MAX=1
EXPOSE 8080
ENTRYPOINT ["/kubenurse"]
