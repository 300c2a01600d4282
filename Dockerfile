# Two stages: one builds, the other holds the program, its model and the libraries it runs with.
#   docker build -t penderie .
#   docker run -p 8443:8443 -v penderie:/var/lib/penderie penderie
FROM debian:12 AS build
WORKDIR /src
COPY deps deps
RUN apt-get update && deps/install.sh && rm -rf /var/lib/apt/lists/*
COPY . .
RUN make all && make install PREFIX=/opt/penderie

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libjansson4 libsodium23 libsqlite3-0 libvips42 \
       libarchive13 libjpeg62-turbo libmicrohttpd12 libgnutls30 libssl3 libcurl4 libcairo2 libexpat1 libstemmer0d \
       libgomp1 libopenblas0-pthread zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home /var/lib/penderie --create-home --shell /usr/sbin/nologin penderie
COPY --from=build /opt/penderie /usr/local
USER penderie
VOLUME /var/lib/penderie
EXPOSE 8443
ENV PENDERIE_HTTP_ADDRESS=0.0.0.0
# Another port belongs into PENDERIE_HTTP_PORT, where this asks too.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["penderie", "serve", "--check"]
ENTRYPOINT ["penderie"]
CMD ["serve", "--data", "/var/lib/penderie"]
