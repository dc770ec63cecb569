# plugfest in a container: docker build -t plugfest . && docker run --rm plugfest demo
# On an interface of the host: docker run --rm --network host --cap-add NET_RAW --cap-add NET_ADMIN plugfest evcc -i eth1
FROM python:3.12-slim
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
      iproute2 nftables openssl procps util-linux \
    && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN pip install --no-cache-dir '/src[web]' && rm -rf /src
WORKDIR /work
ENTRYPOINT ["plugfest"]
