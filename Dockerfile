# An image with everything that a run needs. On a machine without GPU:
#     docker build --tag lcom .
#     docker run --rm --volume "$PWD/results:/lcom/results" lcom --cores 8 --configfile config/quickstart.yaml -- results/quickstart/table1.csv
# For CUDA: --build-arg TORCH_INDEX= and `docker run --gpus all`. On a cluster: apptainer build lcom.sif docker-daemon://lcom:latest
FROM python:3.11-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# what scripts/setup.sh would install, and make
RUN apt-get update \
    && apt-get install -y --no-install-recommends libxc-dev libopenblas-dev libfftw3-dev g++ make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /lcom
COPY . .
ENV PIP_NO_CACHE_DIR=1
RUN make setup PYTHON=/usr/local/bin/python3 TORCH_INDEX=$TORCH_INDEX
ENV PATH=/lcom/.venv/bin:$PATH
ENTRYPOINT ["snakemake"]
