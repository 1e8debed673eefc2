#!/usr/bin/env bash
# Takes adapters both ways between Lorikeet and PEFT: run.sh MODEL DATA
# PYTHON names the interpreter (unless set, python3).
set -euo pipefail
exec "${PYTHON:-python3}" "$(dirname "$0")/roundtrip.py" "$@"
