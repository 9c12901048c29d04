/* Stands before liburing's way to make a ring: the kernel does not permit it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Preloaded into fio, as if sysctl kernel.io_uring_disabled were 2.
 */

#include <errno.h>

int io_uring_queue_init_params(unsigned entries, void *ring, void *params);

int io_uring_queue_init_params(unsigned entries, void *ring, void *params)
{
    (void)entries, (void)ring, (void)params;
    return -EPERM;
}
