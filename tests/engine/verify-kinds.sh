#!/bin/bash
# verify-kinds.sh - every kind of verify= that fio has, on asynchronous verify threads, and with a backlog that
# mixes verify reads with the writes.
# SPDX-License-Identifier: GPL-2.0-or-later
. "$(dirname "$0")/lib.sh"

kinds='md5 crc64 crc32 crc32c crc32c-intel crc16 crc7 sha1 sha256 sha512 sha3-224 sha3-256 sha3-384 sha3-512
       xxhash meta pattern null'
plan 24
target loop512 16 || target ext 16 || skip_all "$why"
small=(--filename="$target" --direct=1 --size=512k --bs=4k --rw=randwrite --iodepth=8)

for kind in $kinds; do
    pattern=()
    [ "$kind" != pattern ] || pattern=(--verify_pattern=0xdeadbeef%o)
    fio_run "$kind" "${small[@]}" --verify="$kind" "${pattern[@]}"
    is_clean && is_so '.jobs[0].read.io_bytes == 524288'
    ok "verify=$kind"
done

fio_run async "${small[@]}" --size=4m --iodepth=32 --verify=crc32c --verify_async=2
is_clean && is_so '.jobs[0].read.io_bytes == (4 * 1048576)'
ok 'verify_async=2'

fio_run async-thread "${small[@]}" --size=4m --iodepth=32 --verify=md5 --verify_async=1 --thread=1
is_clean
ok 'verify_async=1 with thread=1'

fio_run backlog "${small[@]}" --size=4m --iodepth=16 --verify=crc32c --verify_backlog=64
is_clean && is_so '.jobs[0].read.io_bytes == (4 * 1048576)'
ok 'verify_backlog=64'

fio_run backlog-batch "${small[@]}" --size=4m --iodepth=16 --verify=crc32c --verify_backlog=32 \
    --verify_backlog_batch=8 --verify_async=1
is_clean && is_so '.jobs[0].read.io_bytes == (4 * 1048576)'
ok 'verify_backlog=32 in batches of 8, asynchronously'

fio_run interval "${small[@]}" --bs=64k --size=4m --verify=crc32c --verify_interval=512
is_clean
ok 'verify_interval=512 in blocks of 64k'

# What one kind wrote, another must not accept.
fio_run other "${small[@]}" --verify=sha256 --do_verify=0 &&
    fio_run mismatch "${small[@]}" --verify=md5 --verify_only=1
[ "$rc" != 0 ] && no_crash
ok 'md5 does not accept what sha256 wrote'
finish
