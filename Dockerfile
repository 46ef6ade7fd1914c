# syntax=docker/dockerfile:1
#
# One image for both roles: the command says whether it is a coordinator or a worker.

FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        libjpeg62-turbo-dev \
        libpng-dev \
        libssl-dev \
        libzmq3-dev \
        pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY Package.swift ./
COPY Sources Sources
# SwiftPM reads the test targets of the manifest even when it builds none of them.
COPY Tests Tests
RUN swift build --configuration release --product counterbias --static-swift-stdlib \
    && install -D --strip "$(swift build --configuration release --show-bin-path)/counterbias" \
        /staged/counterbias

FROM debian:bookworm-slim AS runtime
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        libjpeg62-turbo \
        libpng16-16 \
        libssl3 \
        libstdc++6 \
        libzmq5 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --user-group --no-create-home --shell /usr/sbin/nologin counterbias
COPY --from=build /staged/counterbias /usr/local/bin/counterbias
USER counterbias
WORKDIR /tmp
STOPSIGNAL SIGTERM
ENTRYPOINT ["counterbias"]
CMD ["--help"]
