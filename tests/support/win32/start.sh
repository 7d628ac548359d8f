#!/bin/sh
# start.sh COMMAND...   run it, and print what it has printed when it has ended
#
# What a Windows program leaves behind under Wine (a console host) keeps a copy of its output, and
# CTest waits for the end of that. A file has no end to wait for.
out=$(mktemp) || exit 1
trap 'rm -f "$out"' EXIT
trap 'exit 1' HUP INT TERM
"$@" >"$out" 2>&1
status=$?
cat "$out"
exit "$status"
