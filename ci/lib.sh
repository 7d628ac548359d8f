# Read by the scripts in ci/: the table, and a few words. POSIX sh.

root=$(cd "$(dirname "$0")/.." && pwd)
builds=${CORDON_BUILDS:-$root/build} # where everything is built; ignored by git
jobs=$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2)

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "FAILED: $*"
    exit 1
}

# This machine cannot do it; ci/run says SKIP, .ci/run does not accept that.
skip() {
    say "SKIP: $*"
    exit 77
}

cells() { # [landing | beside | ...]
    awk -F'|' -v when="${1:-}" '
        /^[a-z]/ { for (i = 1; i <= NF; i++) gsub(/^[ \t]+|[ \t]+$/, "", $i)
                   if (when == "" || $5 == when) print $1 }' "$root/ci/matrix"
}

# column CELL NUMBER: groups are replaced by what they stand for
column() {
    awk -F'|' -v cell="$1" -v number="$2" '
        function add(text,    words, i, count) {
            count = split(text, words, " ")
            for (i = 1; i <= count; i++)
                print (words[i] ~ /^\+/) ? group[words[i]] : words[i]
        }
        /^[+a-z]/ { for (i = 1; i <= NF; i++) gsub(/^[ \t]+|[ \t]+$/, "", $i) }
        /^\+/     { packages[$1] = $2; needs[$1] = $3; next }
        $1 == cell {
            if (number == 2) for (name in packages) group[name] = packages[name]
            if (number == 3) { for (name in needs) group[name] = needs[name]
                               count = split($2, words, " ")
                               for (i = 1; i <= count; i++) if (words[i] in group) print group[words[i]] }
            add($number)
        }' "$root/ci/matrix" | tr '\n' ' '
}
