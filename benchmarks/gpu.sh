#!/usr/bin/env bash
# All that a GPU can show, in one command: benchmarks/gpu.sh [RUN] [MINUTES]
# The tests that need one, the speeds beside the CPU's, then the energy model of RUN is trained for the rest of MINUTES (10), resumed where
# an earlier call left it. RUN: a folder with packed crystals and frames, by
#   snakemake --cores 2 --configfile config/networks.yaml -- results/networks/both/frames/train.safetensors
# Needs torch, torch-geometric, lightning, safetensors, pyarrow and pytest alone: no pymatgen, no Snakemake.
set -euo pipefail
cd "$(dirname "$0")/.."
run=${1:-results/networks/both} end=$(($(date +%s) + 60 * ${2:-10})) python=${PYTHON:-python3}
export PYTHONPATH=. PYTHONUNBUFFERED=1
$python -m pytest -q --noconftest -p no:cacheprovider tests/nets/test_gpu.py
$python benchmarks/gpu.py "$run" --seconds 2
settings=$($python -c 'import json, yaml
whole, changed = (yaml.safe_load(open(name))["energy_model"] for name in ("config.yaml", "config/networks.yaml"))
training = whole["training"] | changed.pop("training")
print(json.dumps(whole | changed | {"training": training}))')
left=$((end - $(date +%s)))
if [ $left -le 0 ]; then echo "no time is left for a training"; exit; fi
timeout --foreground --signal=INT $left $python -m lcom.stages.train_energy_model \
    --train "$run/train.safetensors" --val "$run/val.safetensors" --frames "$run/frames/train.safetensors" "$run/frames/val.safetensors" \
    --config "$settings" --out "$run/gpu/model.safetensors" --metrics "$run/gpu/metrics.csv" --state "$run/gpu/state" --code gpu \
    --device cuda || [ $? = 124 ]
