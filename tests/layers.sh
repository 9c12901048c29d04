#!/bin/bash
# Proves that the arrows between the folders go one way: engine, virtio, block, loop, coroutine, base.
# SPDX-License-Identifier: GPL-2.0-or-later

set -u
srcdir=${srcdir:-$(cd "$(dirname "$0")/.." && pwd)}
cd "$srcdir" || exit 99

number=0
# report NAME OFFENDERS: one TAP line; what offends follows as diagnostics
report() {
    number=$((number + 1))
    if [ -z "$2" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        printf '%s\n' "$2" | sed 's/^/# /'
    fi
}

# includes FOLDER...: every #include line below the folders, as file:line:text
includes() {
    grep -rnE '^[[:space:]]*#[[:space:]]*include' --include='*.[ch]' "$@"
}

layers=(base coroutine loop block virtio)
echo "1..$((${#layers[@]} + 5))"

higher=engine
for ((i = ${#layers[@]} - 1; i >= 0; i--)); do
    layer=${layers[i]}
    report "$layer includes nothing of $higher" \
        "$(includes "aiocore/$layer" | grep -E "[\"</](${higher//, /|})/")"
    higher="$layer, $higher"
done

# A relative path or a bare name would get round the check above.
report "aiocore includes its own headers by folder and name" \
    "$(includes aiocore | grep -E '"' | grep -vE '"((base|coroutine|loop|block|virtio)/[a-z0-9_-]+|config)\.h"')"

report "aiocore includes no header of fio's" \
    "$(includes aiocore | grep -iE 'fio|ioengines|optgroup|io_u\.|thread_options')"

report "only the engine includes fio's headers" \
    "$(includes aiocore tests/unit tests/bench tests/faults 2>/dev/null |
        grep -E '[<"](\.\./)*(fio|ioengines|optgroup|io_u|options|filelock|thread_options)\.h[>"]')"

report "qaio-compare includes its own headers and nothing of aiocore, the engine or fio" \
    "$(includes results | grep -E '"' | while IFS= read -r line; do
        header=${line#*\"}
        [ -f "results/${header%%\"*}" ] || [ "${header%%\"*}" = config.h ] || echo "$line"
    done)"
report "the engine does include fio.h (this test looks in the right place)" \
    "$(includes engine | grep -qE '[<"]fio\.h[>"]' || echo 'no engine file includes fio.h')"
