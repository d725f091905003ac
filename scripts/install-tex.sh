#!/bin/sh
# Install LaTeX from Debian's packages when it is missing and that is allowed; else say the one line to run.
packages="latexmk texlive-latex-recommended texlive-fonts-recommended texlive-science texlive-latex-extra texlive-publishers"
if command -v latexmk >/dev/null && command -v pdflatex >/dev/null; then
    exit 0
fi
line="apt-get install --no-install-recommends $packages"
if ! command -v apt-get >/dev/null; then
    echo "LaTeX is missing: the paper will have no PDF. Install latexmk and TeX Live with your system's package manager." >&2
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    become=""
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    become="sudo"
else
    echo "LaTeX is missing: the paper will have no PDF. To get one, run: sudo $line" >&2
    exit 0
fi
echo "LaTeX is missing; installing it (about 500 MB) ..." >&2
export DEBIAN_FRONTEND=noninteractive
if ! { $become apt-get update -qq && $become apt-get install -y -qq --no-install-recommends $packages; } >/dev/null; then
    echo "LaTeX could not be installed: the paper will have no PDF. To try again, run: $line" >&2
fi
exit 0
