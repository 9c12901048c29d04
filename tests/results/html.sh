#!/bin/bash
# Proves that the HTML report can be read: in Chromium, as wide as a phone and as a screen, in light and in dark.
# SPDX-License-Identifier: GPL-2.0-or-later
# timeout: 240

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=lib.sh
. "$here/lib.sh"

command -v gnuplot >/dev/null || skip "no gnuplot (Debian: gnuplot-nox)"
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) ||
    skip "no Chromium (Debian: chromium)"

# A report and how many figures it must have: two for each table, one for each sweep.
reports=(slower:2 hostile:4 three-arms:2 arm-sweep:3 case-sweep:9 word-sweep:3 hosts:4 unknown-values:2 empty:0)

# harness SCHEME: a page with every report in frames of both widths, and the checks
harness() {
    local report name width
    echo "<!DOCTYPE html><meta charset=utf-8><pre id=results data-scheme=$1></pre>"
    for report in "${reports[@]}"; do
        name=${report%:*}
        for width in 390 1280; do
            echo "<iframe src='$name.html' name='$name $width $1' data-figures=${report#*:}" \
                "width=$width height=800 style='border:0'></iframe>"
        done
    done
    echo "<script src=html-check.js></script>"
}

# browse SCHEME: what the checks say of the harness, in $dir/SCHEME.out; the console, in SCHEME.err
browse() {
    local dark=() sandbox=()
    [ "$1" = light ] || dark=(--force-dark-mode)
    [ "$(id -u)" != 0 ] || sandbox=(--no-sandbox)
    timeout -k 5 90 "$chromium" --headless "${sandbox[@]}" "${dark[@]}" --disable-gpu --disable-dev-shm-usage \
        --user-data-dir="$dir/profile-$1" --allow-file-access-from-files --enable-logging=stderr \
        --window-size=1400,1000 --timeout=60000 --dump-dom "file://$dir/$1.html" \
        >"$dir/$1.dom" 2>"$dir/$1.err"
    sed -n '/<pre id="results"/,/<\/pre>/p' "$dir/$1.dom" | sed 's/^<pre[^>]*>//; /^<\/pre>/d' >"$dir/$1.out"
}

number=0
# result OK NAME: a TAP line, with the next number
result() {
    number=$((number + 1))
    echo "$1 $number - $2"
}

cp "$here/html-check.js" "$dir"
for report in "${reports[@]}"; do
    "$print_report" "${report%:*}" html gnuplot >"$dir/${report%:*}.html" || exit 99
done

for scheme in light dark; do
    harness "$scheme" >"$dir/$scheme.html"
    browse "$scheme"
    if ! grep -qx end "$dir/$scheme.out"; then
        result "not ok" "$scheme: Chromium came to the end of the checks"
        tail -n 20 "$dir/$scheme.err" | sed 's/^/# /'
        continue
    fi
    while read -r line; do
        case $line in
        "ok "*) result ok "${line#ok }" ;;
        "not ok "*) result "not ok" "${line#not ok }" ;;
        esac
    done <"$dir/$scheme.out"
    if grep CONSOLE "$dir/$scheme.err" | sed 's/^/# /' | grep .; then
        result "not ok" "$scheme: nothing on the console"
    else
        result ok "$scheme: nothing on the console"
    fi
done
echo "1..$number"
