/* QEMU's name for the socket calls: libc's will do.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_TESTS_QEMU_QEMU_SOCKETS_H
#define QAIO_TESTS_QEMU_QEMU_SOCKETS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#endif
