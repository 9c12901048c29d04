# Debian source packages from the machine's own archive, as any user: apt_source.
# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For bash scripts that source it and have a die() that prints its words and exits. apt works with a
# configuration of its own in a temporary folder: nothing of the system's is changed, no root is needed.
#
#   apt_source_folder DEST    makes the temporary folder, beside DEST, gone when the script exits: $work
#   apt_source PACKAGE VERSION SUITE HINT    unpacks the source into $work/tree. VERSION and SUITE may be
#                             empty: the newest, of the machine's own suite. HINT ends the words to die
#                             with when there is no such source: what else the user could do.

work=
apt_source_etc=/etc/apt

apt_source_folder() {
    work=$(mktemp -d "$(dirname "$1")/${0##*/}.XXXXXX") || die "cannot make a temporary folder"
    work=$(cd "$work" && pwd)
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM HUP
    mkdir -p "$work"/{parts,lists/partial,cache/archives/partial,download}
    # apt drops root's rights to a user of its own for downloads: let that user in.
    chmod -R a+rx "$work"
}

# The machine's own Debian entries, turned to sources: *.sources have one stanza an archive...
apt_source_stanzas() {
    local suite=$1
    shift
    awk -v RS= -v ORS='\n\n' -v suite="$suite" '
        $0 !~ /debian/ || $0 ~ /(^|\n)Enabled: *no/ || $0 !~ /(^|\n)Types:[^\n]*deb( |\n|$)/ { next }
        suite != "" && /(^|\n)Suites: *[^\n]*(-security|-updates|-backports)/ &&
            $0 !~ /(^|\n)Suites: *([^\n]* )?[a-z]+( |\n|$)/ { next }
        {
            sub(/(^|\n)Types:[^\n]*/, "\nTypes: deb-src")
            if (suite != "")
                sub(/(^|\n)Suites:[^\n]*/, "\nSuites: " suite)
            sub(/^\n/, "")
            print
        }' "$@"
}

# ... and *.list files one line: deb [options] uri suite components
apt_source_lines() {
    local suite=$1
    shift
    awk -v suite="$suite" '
        $1 != "deb" || !/debian/ { next }
        {
            at = 2
            if ($2 ~ /^\[/)
                while ($at !~ /\]$/)
                    at++
            at += $2 ~ /^\[/
            if (suite != "" && $(at + 1) ~ /-(security|updates|backports)|\//)
                next
            $1 = "deb-src"
            if (suite != "")
                $(at + 1) = suite
            print
        }' "$@"
}

# apt_source_parts SUITE: those entries, in $work/parts; fails when there is none
apt_source_parts() {
    local file
    for file in "$apt_source_etc"/sources.list.d/*.sources; do
        [ -r "$file" ] && apt_source_stanzas "$1" "$file" >"$work/parts/${file##*/}"
    done
    for file in "$apt_source_etc"/sources.list "$apt_source_etc"/sources.list.d/*.list; do
        [ -r "$file" ] && apt_source_lines "$1" "$file" >"$work/parts/$(basename "$file" .list).list"
    done
    find "$work/parts" -empty -delete
    [ -n "$(ls "$work/parts" 2>/dev/null)" ]
}

# apt_source_quietly WHAT COMMAND...: the output shows only when the command fails
apt_source_quietly() {
    local what=$1
    shift
    "$@" >>"$work/log" 2>&1 </dev/null && return
    tail -n 5 "$work/log" >&2
    die "$what"
}

apt_source() {
    local package=$1 version=$2 suite=$3 hint=$4 lacks tarball tool
    for tool in apt-get dpkg-source; do
        command -v $tool >/dev/null || die "$tool is not here (Debian: apt, dpkg-dev); elsewhere $hint"
    done
    local private=(-q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/parts"
        -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o Acquire::Languages=none
        -o Acquire::Retries=3 -o Acquire::http::Timeout=60)

    apt_source_parts "$suite" || die "$apt_source_etc has no Debian archive in it: $hint"
    echo "${0##*/}: reading the archive's list of sources" >&2
    apt_source_quietly \
        "the Debian archive has no sources of ${suite:-this system} to offer, or cannot be reached" \
        apt-get "${private[@]}" update -o APT::Update::Error-Mode=any

    cd "$work/download" || exit 1
    echo "${0##*/}: getting the source of ${suite:+the $package of $suite}${version:+$package $version}" >&2
    if [ -n "$suite" ]; then
        lacks="the archives this machine uses do not hold $suite's $package: $hint"
    else
        lacks="the archives have no source of $package $version: $hint"
    fi
    # For another suite's package the upstream tarball alone will do: an archive that is losing an old version
    # loses its small files first. What apt leaves here has the right checksum.
    if apt-get "${private[@]}" source --download-only "$package${suite:+/$suite}${version:+=$version}" \
        >"$work/log" 2>&1 </dev/null; then
        apt_source_quietly "dpkg-source cannot unpack $package" dpkg-source -x ./*.dsc "$work/tree"
    elif tarball=$(find . -name "${package}_*.orig.tar.*" ! -name '*.asc') && [ -n "$suite" ] &&
        [ -n "$tarball" ]; then
        mkdir "$work/tree"
        apt_source_quietly "tar cannot unpack $package" \
            tar -xf "$tarball" -C "$work/tree" --strip-components=1
    else
        apt_source_quietly "$lacks" false
    fi
    cd "$OLDPWD" || exit 1
}
