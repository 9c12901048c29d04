# ramdev.sh - makes RAM-backed block devices (or a plain file in their place) and removes them again.
# SPDX-License-Identifier: GPL-2.0-or-later
#
# POSIX sh, to be sourced. Call the functions in the shell itself, not in $( ): they answer in variables.
#
#   ramdev_loop SIZE_MIB [SECTOR_SIZE]   loop device with direct I/O on a file in /dev/shm
#   ramdev_zram SIZE_MIB                 a fresh zram device; zram0 only while it has no size
#   ramdev_file SIZE_MIB DIR             a sparse plain file in DIR
#   ramdev_any  SIZE_MIB                 loop, else zram, else a file in the current folder; says so on stderr
#   ramdev_cleanup                       removes everything made by this process; idempotent, fit for a trap
#
# Each maker returns 0 with RAMDEV (the path) and RAMDEV_KIND (loop, zram or file), or returns 77 with
# RAMDEV_WHY (one line), leaving nothing behind. Devices that were there before are never touched: what is
# removed is what the list below says, and it has only what this process made.
#
# A caller that may be interrupted sets its traps first:
#   trap ramdev_cleanup EXIT; trap 'exit 130' INT; trap 'exit 143' TERM

PATH=$PATH:/usr/sbin:/sbin

# One entry a line: "loop FILE", "zram N", "reset N" (a zram that was there, unused) or "file PATH".
# A list inherited through the environment is another process's.
[ "${_ramdev_pid-}" = "$$" ] || { _ramdev_pid=$$ _ramdev_made=; }
_ramdev_control=/sys/class/zram-control

_ramdev_note() {
    _ramdev_made="$_ramdev_made$1
"
}

_ramdev_unavailable() {
    RAMDEV='' RAMDEV_KIND='' RAMDEV_WHY=$1
    return 77
}

_ramdev_is_size() {
    case ${1:-0} in
    *[!0-9]* | 0*) _ramdev_unavailable "a size in MiB is a whole number from 1, not '${1-}'" ;;
    esac
}

# $1: folder, $2: MiB. False when its file system has less room than that.
_ramdev_has_room() {
    _ramdev_avail=$(df -Pk "$1" 2>/dev/null | awk 'NR == 2 { print int($4 / 1024) }')
    [ "${_ramdev_avail:-0}" -ge "$2" ] ||
        _ramdev_unavailable "$1 has ${_ramdev_avail:-0} MiB free, $2 are needed"
}

# Gives _ramdev_path, a new file of $2 MiB in folder $1, noted as "$3 PATH".
_ramdev_new_file() {
    _ramdev_path=$(mktemp "$1/qaio-ramdev.XXXXXX" 2>/dev/null) ||
        { _ramdev_unavailable "cannot make a file in $1"; return; }
    _ramdev_note "$3 $_ramdev_path"
    truncate -s "${2}M" "$_ramdev_path" 2>/dev/null || {
        _ramdev_remove_entry "$3 $_ramdev_path"
        _ramdev_unavailable "cannot make a file of $2 MiB in $1"
    }
}

# The loop devices on file $1. Found by file, so that one set up just before an interrupt is not missed.
_ramdev_loops_of() {
    losetup -n -O NAME -j "$1" 2>/dev/null
}

ramdev_loop() {
    _ramdev_is_size "${1-}" || return
    [ "$(id -u)" = 0 ] || { _ramdev_unavailable 'a loop device needs root'; return; }
    command -v losetup >/dev/null || { _ramdev_unavailable 'no losetup here (Debian: apt-get install mount)'; return; }
    [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || { _ramdev_unavailable '/dev/shm is not a tmpfs'; return; }
    _ramdev_has_room /dev/shm "$1" || return
    _ramdev_new_file /dev/shm "$1" loop || return
    _ramdev_attach "$_ramdev_path" "${2:-512}" && return
    _ramdev_why=$RAMDEV_WHY
    _ramdev_remove_entry "loop $_ramdev_path"
    _ramdev_unavailable "$_ramdev_why"
}

# Attaches file $1 with $2-byte sectors. losetup itself looks for another free device when somebody else
# takes the one it found, but gives up at some point: hence the few attempts.
_ramdev_attach() {
    for _ramdev_try in 1 2 3 4 5; do
        _ramdev_why=$(LC_ALL=C losetup -f --show --direct-io=on -b "$2" "$1" 2>&1 >/dev/null) && break
        for _ramdev_dev in $(_ramdev_loops_of "$1"); do losetup -d "$_ramdev_dev" 2>/dev/null; done
        case $_ramdev_why in *busy*) sleep 0.2 ;; *) break ;; esac
    done
    RAMDEV=$(_ramdev_loops_of "$1")
    [ -b "${RAMDEV:-/}" ] ||
        { _ramdev_unavailable "no loop device: ${_ramdev_why:-losetup made none}"; return; }
    # A kernel whose tmpfs has no O_DIRECT (before 6.6) may fall back to the page cache without a word.
    [ "$(cat "/sys/block/${RAMDEV#/dev/}/loop/dio" 2>/dev/null)" = 1 ] ||
        { _ramdev_unavailable "this kernel's tmpfs has no direct I/O for a loop device"; return; }
    RAMDEV_KIND=loop RAMDEV_WHY=''
}

ramdev_zram() {
    _ramdev_is_size "${1-}" || return
    [ "$(id -u)" = 0 ] || { _ramdev_unavailable 'a zram device needs root'; return; }
    [ -d $_ramdev_control ] || modprobe -q zram num_devices=0 2>/dev/null
    [ -d $_ramdev_control ] || { _ramdev_unavailable 'the kernel has no zram'; return; }
    for _ramdev_try in 1 2 3; do
        _ramdev_n=$(cat $_ramdev_control/hot_add 2>/dev/null) || break
        _ramdev_claim "$_ramdev_n" "$1" zram && return
    done
    [ "$(cat /sys/block/zram0/disksize 2>/dev/null)" = 0 ] && _ramdev_claim 0 "$1" reset && return
    _ramdev_unavailable 'no zram device can be added and zram0 is in use'
}

# Gives zram $1 a size of $2 MiB, noted as "$3 N". The kernel lets only one caller set the size, so whoever
# succeeds owns the device; somebody looking for an unused one may have been quicker than us, who just added it.
_ramdev_claim() {
    { echo "${2}M" >"/sys/block/zram$1/disksize"; } 2>/dev/null || return
    _ramdev_note "$3 $1"
    for _ramdev_try2 in 1 2 3 4 5; do
        [ -b "/dev/zram$1" ] && break
        sleep 0.2
    done
    [ -b "/dev/zram$1" ] || { _ramdev_remove_entry "$3 $1"; return 1; }
    RAMDEV=/dev/zram$1 RAMDEV_KIND=zram RAMDEV_WHY=''
}

ramdev_file() {
    _ramdev_is_size "${1-}" || return
    [ -d "${2-}" ] || { _ramdev_unavailable "no folder '${2-}'"; return; }
    _ramdev_has_room "$2" "$1" || return
    _ramdev_new_file "$2" "$1" file || return
    RAMDEV=$_ramdev_path RAMDEV_KIND=file RAMDEV_WHY=''
}

ramdev_any() {
    ramdev_loop "${1-}" && return
    _ramdev_whys=$RAMDEV_WHY
    ramdev_zram "${1-}" && { echo "no loop device ($_ramdev_whys): using $RAMDEV" >&2; return; }
    [ "$RAMDEV_WHY" = "$_ramdev_whys" ] || _ramdev_whys="$_ramdev_whys; $RAMDEV_WHY"
    ramdev_file "${1-}" "$PWD" || return
    echo "no RAM device ($_ramdev_whys): using a file, $RAMDEV" >&2
}

# Undoes one entry. udev may hold a new device open for a moment, hence the attempts.
_ramdev_undo() {
    case $1 in
    'loop '*)
        for _ramdev_dev in $(_ramdev_loops_of "${1#loop }"); do losetup -d "$_ramdev_dev"; done
        rm -f "${1#loop }"
        ;;
    'file '*) rm -f "${1#file }" ;;
    *)
        for _ramdev_try2 in 1 2 3 4 5 6 7 8 9 10; do
            case $1 in
            zram*) echo "${1#* }" >$_ramdev_control/hot_remove ;;
            *) echo 1 >"/sys/block/zram${1#* }/reset" ;;
            esac 2>/dev/null && return
            sleep 0.2
        done
        echo "ramdev: /dev/zram${1#* } is still in use and stays" >&2
        return 1
        ;;
    esac
}

# Undoes entry $1 and takes it off the list, or keeps it there for another attempt.
_ramdev_remove_entry() {
    _ramdev_undo "$1" || return
    _ramdev_made=$(printf '%s' "$_ramdev_made" | grep -vxF -e "$1")
    _ramdev_made="$_ramdev_made${_ramdev_made:+
}"
}

ramdev_cleanup() {
    [ -n "$_ramdev_made" ] || return 0
    _ramdev_rc=0
    while IFS= read -r _ramdev_entry; do
        [ -z "$_ramdev_entry" ] || _ramdev_remove_entry "$_ramdev_entry" || _ramdev_rc=1
    done <<END_OF_LIST
$_ramdev_made
END_OF_LIST
    return $_ramdev_rc
}
