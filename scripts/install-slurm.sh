#!/bin/sh
# Install SLURM from Debian's packages for the tests, when it is missing and that is allowed; else say the one line to run.
packages="slurm-wlm"
if command -v slurmctld >/dev/null && command -v slurmd >/dev/null; then
    exit 0
fi
line="apt-get install --no-install-recommends $packages"
if ! command -v apt-get >/dev/null; then
    echo "SLURM is missing: its tests are skipped. Install slurmctld, slurmd and munge with your system's package manager." >&2
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    become=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    become="sudo"
else
    echo "SLURM is missing: its tests are skipped. To run them: sudo $line" >&2
    exit 0
fi
echo "SLURM is missing; installing it (14 MB) ..." >&2
export DEBIAN_FRONTEND=noninteractive
if ! { $become apt-get update -qq && $become apt-get install -y -qq --no-install-recommends $packages; } >/dev/null; then
    echo "SLURM could not be installed: its tests are skipped. To try again, run: $line" >&2
fi
exit 0
