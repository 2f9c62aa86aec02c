# lensbus as an image, in two sizes:
#
#   docker build --target lensbus .          pure Go, nothing else in it: broker, page, recorder, and
#                                            cameras over HTTP, folders of pictures, test patterns
#   docker build --target lensbus-opencv .   with OpenCV: USB cameras, RTSP, video files, pipelines
#
# Without --target it is the first. To pin the bases to the byte, give them by digest:
# --build-arg GO_IMAGE=golang:1.26-bookworm@sha256:…, or in .env for compose.
ARG GO_IMAGE=golang:1.26-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

FROM ${GO_IMAGE} AS source
WORKDIR /src
ENV GOTOOLCHAIN=local
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# A volume that is mounted on one of these folders for the first time gets its owner, so that what is
# in it can be written without root.
RUN for dir in auth broker-auth credentials credentials/cameras credentials/recorder credentials/page credentials/usb \
        credentials/ip credentials/prometheus people recordings streams state; do \
        install -d -m 0700 -o 65534 -g 65534 /out/$dir; \
    done \
    && install -d -m 1777 /out/tmp \
    && install -D -m 0644 /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ca-certificates.crt

# The same source and the same bases give the same layer, byte for byte: files have no time of their own.
FROM source AS build
ARG VERSION=devel
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/lensbus . \
    && find /out -exec touch -h -d @0 {} +

FROM scratch AS lensbus
ARG VERSION=devel
LABEL org.opencontainers.image.title="lensbus" \
      org.opencontainers.image.description="Live camera pictures over NATS" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.source="https://github.com/lensbus/lensbus" \
      org.opencontainers.image.documentation="https://github.com/lensbus/lensbus/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/ /
# Nobody, by number: there is no passwd file.
USER 65534:65534
EXPOSE 4222 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/lensbus", "health"]
ENTRYPOINT ["/lensbus"]
CMD ["up"]

# gocv links everything that OpenCV's package names; the linker leaves away what is not used.
FROM source AS build-opencv
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends g++ pkg-config libopencv-dev >/dev/null \
    && rm -rf /var/lib/apt/lists/*
ARG VERSION=devel
RUN CGO_ENABLED=1 CGO_LDFLAGS="-Wl,--as-needed" go build -buildvcs=false -trimpath \
        -tags opencv,gocv_specific_modules,gocv_videoio,gocv_highgui \
        -ldflags "-s -w -X main.version=${VERSION}" -o /out/lensbus . \
    && rm -r /out/etc \
    && find /out -exec touch -h -d @0 {} +

FROM ${DEBIAN_IMAGE} AS lensbus-opencv
ARG VERSION=devel
LABEL org.opencontainers.image.title="lensbus-opencv" \
      org.opencontainers.image.description="Live camera pictures over NATS, with OpenCV" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.source="https://github.com/lensbus/lensbus" \
      org.opencontainers.image.documentation="https://github.com/lensbus/lensbus/tree/main/docs" \
      org.opencontainers.image.licenses="Apache-2.0"
# The same packages give the same layer: what says when it was made goes, and what is new has no time of its own.
# Files of the base are emptied and not removed, because the mark of a removed one has a time.
RUN began=$(date +%s) \
    && apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends ca-certificates libopencv-videoio406 libopencv-highgui406 >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/fontconfig/* \
    && find /var/log /var/cache/ldconfig /var/cache/debconf -type f -not -name "*.dat" -exec truncate -s 0 {} + \
    && find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /etc/hosts -o -path /etc/hostname -o -path /etc/resolv.conf \) -prune \
        -o -newermt "@$began" -exec touch -h -d @0 {} +
COPY --from=build-opencv /out/ /
# What is missing is found here and not on the first camera.
RUN ["/lensbus", "version"]
USER 65534:65534
EXPOSE 4222 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/lensbus", "health"]
ENTRYPOINT ["/lensbus"]
CMD ["up"]

# What is built when nobody says which.
FROM lensbus
