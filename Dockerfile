# The pure Go program: broker, page, and cameras over HTTP, folders of pictures and test patterns.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
RUN CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags "-X main.version=${VERSION}" -o /out/lensbus . \
    && mkdir -m 1777 /out/tmp

FROM scratch
LABEL org.opencontainers.image.title="lensbus" \
      org.opencontainers.image.description="Live camera pictures over NATS" \
      org.opencontainers.image.source="https://github.com/lensbus/lensbus" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/ /
USER 65534:65534
EXPOSE 4222 8080
ENTRYPOINT ["/lensbus"]
CMD ["up"]
