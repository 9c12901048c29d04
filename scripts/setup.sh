# Everything between a clone and a ready ./libqaio.so, in one function: qaio_setup [PACKAGE...].
# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# For bash scripts at the top of the source tree that source it:
#
#     . "$top/scripts/setup.sh"
#     qaio_setup jq || exit 1
#
# It makes sure that the Debian packages of the build and those named are installed (root installs them,
# others get the apt-get line to run), that the source of the installed fio is here, that configure is up
# to date and that build/ holds a current build; then ./libqaio.so at the top points to the module.
# With nothing to do it takes a second. It prints a line per step that takes time, all to stderr.
#
#   qaio_top      the top of the source tree (set here)
#   qaio_build    the folder of the build (set here)
#   QAIO_CONFIGURE_FLAGS    more words for configure (.ci/run passes --enable-werror)
#
# Root working in another user's clone leaves all it made to the clone's owner, so that both can go on:
# qaio_setup sees to that for its own files; who makes more of them calls qaio_give_back at the end.

qaio_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
qaio_build=$qaio_top/build

# What the build itself needs; a package counts as there when a command of its name is.
qaio_build_packages=(gcc libc6-dev make autoconf automake libtool pkg-config libglib2.0-dev libaio-dev
    libjson-glib-dev dpkg-dev fio)

qaio_say() {
    echo "qaio: $*" >&2
}

# qaio_step WHAT COMMAND...: says what it does; the command's output goes to a log, shown when it fails
qaio_step() {
    local what=$1 log status
    shift
    qaio_say "$what"
    log=$(mktemp) || return 1
    "$@" >"$log" 2>&1 </dev/null
    status=$?
    if [ $status != 0 ]; then
        tail -n 30 "$log" >&2
        qaio_say "failed: $what"
    fi
    rm -f "$log"
    return $status
}

qaio_has_package() {
    command -v "$1" >/dev/null ||
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

qaio_packages() {
    local package lacking=()
    for package; do
        qaio_has_package "$package" || lacking+=("$package")
    done
    [ ${#lacking[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        qaio_say "this is no Debian: going on without looking for ${lacking[*]}"
        return 0
    fi
    if [ "$(id -u)" != 0 ]; then
        qaio_say "packages are missing; run this as root, then start again:"
        echo "    apt-get update && apt-get install -y --no-install-recommends ${lacking[*]}" >&2
        return 1
    fi
    qaio_step "reading the package lists" apt-get -q -o Acquire::Retries=3 update || return 1
    qaio_step "installing ${lacking[*]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o Acquire::Retries=3 install --no-install-recommends "${lacking[@]}"
}

# What setup and the tests write into the source tree.
qaio_made=(build build-aux autom4te.cache m4 aclocal.m4 configure config.h.in Makefile.in libqaio.so)

qaio_give_back() {
    local owner name
    owner=$(stat -c %u:%g "$qaio_top")
    [ "$(id -u)" = 0 ] && [ "${owner%:*}" != 0 ] || return 0
    for name in "${qaio_made[@]}"; do
        [ ! -e "$qaio_top/$name" ] || chown -hR "$owner" "$qaio_top/$name"
    done
}

# The tree may belong to somebody else, or somebody else may have built in it.
qaio_writable() {
    local name foreign
    if [ ! -w "$qaio_top" ]; then
        qaio_say "$qaio_top belongs to $(stat -c %U "$qaio_top") and $(id -un) cannot write there:" \
            "clone qaio into a folder of your own, or run this as $(stat -c %U "$qaio_top")"
        return 1
    fi
    [ "$(id -u)" != 0 ] || return 0
    for name in "${qaio_made[@]}"; do
        [ -e "$qaio_top/$name" ] || continue
        foreign=$(find "$qaio_top/$name" ! -type l ! -writable -print -quit)
        if [ -n "$foreign" ]; then
            qaio_say "$foreign belongs to $(stat -c %U "$foreign") and $(id -un) cannot write it:" \
                "remove it as $(stat -c %U "$foreign") (rm -rf $qaio_top/$name), then start again"
            return 1
        fi
    done
}

qaio_configure_current() {
    local input
    [ -x "$qaio_top/configure" ] && [ -f "$qaio_top/build-aux/tap-driver.sh" ] || return 1
    for input in "$qaio_top"/{configure.ac,Makefile.am,m4/fio.m4}; do
        [ ! "$input" -nt "$qaio_top/configure" ] || return 1
    done
}

# A build is stale when it is of another place, another fio or another compiler.
qaio_build_stamp() {
    echo "$qaio_top $("${FIO:-fio}" --version 2>/dev/null) ${CC:-} ${QAIO_CONFIGURE_FLAGS:-}"
}

qaio_compile() {
    local jobs
    jobs=$(nproc 2>/dev/null || echo 2)
    if [ "$(cat "$qaio_build/.setup" 2>/dev/null)" != "$(qaio_build_stamp)" ]; then
        rm -rf "$qaio_build"
        mkdir "$qaio_build" || return 1
        # shellcheck disable=SC2086 # the flags are words
        (cd "$qaio_build" && qaio_step "configuring in build/" ../configure ${QAIO_CONFIGURE_FLAGS:-}) ||
            return 1
        qaio_build_stamp >"$qaio_build/.setup"
    fi
    qaio_step "bringing build/ up to date" make -C "$qaio_build" -j"$jobs" || return 1
    ln -sfn build/libqaio.so "$qaio_top/libqaio.so"
}

qaio_setup() {
    qaio_writable || return 1
    qaio_packages "${qaio_build_packages[@]}" "$@" || return 1
    "$qaio_top/scripts/fetch-fio" >/dev/null || return 1
    if ! qaio_configure_current; then
        qaio_step "making configure" "$qaio_top/bootstrap" || return 1
    fi
    qaio_compile || return 1
    qaio_give_back
}
