#!/bin/sh
# Install bubblewrap, which keeps experiment code apart, when it is missing and that is allowed; else say what to run.
if command -v bwrap >/dev/null; then
    exit 0
fi
line="apt-get install --no-install-recommends bubblewrap"
if ! command -v apt-get >/dev/null; then
    echo "bubblewrap is missing: install it with your system's package manager, or the kernel's Landlock is used." >&2
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    become=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    become="sudo"
else
    echo "bubblewrap is missing; the kernel's Landlock is used if there is one. To get it, run: sudo $line" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
if ! { $become apt-get update -qq && $become apt-get install -y -qq --no-install-recommends bubblewrap; } >/dev/null; then
    echo "bubblewrap could not be installed; the kernel's Landlock is used if there is one. To try again, run: $line" >&2
fi
exit 0
