#!/usr/bin/env bash
# matbench asks for the matminer and scipy of 2022
set -euo pipefail
python -m pip install --no-deps matbench==0.6
