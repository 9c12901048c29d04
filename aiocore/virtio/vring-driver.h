/*
 * The driver's side of a virtqueue: what a guest's kernel does.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     vring_driver_add ... vring_driver_add      chains, which the device does not see yet
 *     vring_driver_kick_prepare                  now it does; true: and wants a kick
 *     vring_driver_get                           what it is done with
 *
 * Before sleeping until the device interrupts:
 *
 *     if (vring_driver_enable_interrupts(drv)) {
 *         sleep, and be woken by the interrupt
 *     }
 *     vring_driver_disable_interrupts(drv);
 *     while (vring_driver_get(...)) ...
 *
 * A VringDriver belongs to one thread. How a kick and an interrupt travel is not its business. The
 * device is not trusted: what it writes is checked, and what makes no sense is
 * vring_driver_error().
 */
#ifndef QAIO_VIRTIO_VRING_DRIVER_H
#define QAIO_VIRTIO_VRING_DRIVER_H

#include "base/osdep.h"
#include "virtio/virtio_ring.h"

typedef struct VringDriver VringDriver;

/*
 * A queue of @num entries (vring_size_valid()), for chains of at most @max_sg buffers, with the
 * feature bits of @features that concern a ring. With VIRTIO_RING_F_INDIRECT_DESC each chain takes
 * one descriptor, its table being there already; else it takes one for each of its buffers. NULL
 * when @num is not valid, or @max_sg is 0 or more than the queue can hold. Nothing is allocated
 * after this.
 */
VringDriver *vring_driver_new(unsigned int num, unsigned int max_sg, uint64_t features);
void vring_driver_free(VringDriver *drv);

/* The memory, all of it in one block, to be shown to the device; and where the rings are in it. */
void *vring_driver_memory(VringDriver *drv, size_t *size);
struct vring_desc *vring_driver_desc(VringDriver *drv);
struct vring_avail *vring_driver_avail(VringDriver *drv);
struct vring_used *vring_driver_used(VringDriver *drv);

/* Begin again with empty, zeroed rings, for a device that was reset. Chains that it had are
 * forgotten; statistics stay. */
void vring_driver_reset(VringDriver *drv);

/*
 * Add a chain of @out buffers that the device reads and then @in that it writes; @token (not NULL)
 * comes back with it. @sg is copied, what it points to is the device's until then. 0; -ENOSPC when
 * there is no room until more comes back; -EINVAL for no buffers or too many; -EIO after an error.
 */
int vring_driver_add(VringDriver *drv, const struct iovec *sg, unsigned int out, unsigned int in,
                     void *token);

/* Show the device what was added since. Whether it is to be kicked: then the caller does. */
bool vring_driver_kick_prepare(VringDriver *drv);

/* The token of the next chain that came back, and in *@len (unless NULL) how many bytes the device
 * wrote; NULL when there is none, or after an error. */
void *vring_driver_get(VringDriver *drv, uint32_t *len);

/* Whether vring_driver_get() would find one: a look without a system call. */
bool vring_driver_used_pending(const VringDriver *drv);

/* Chains that are with the device, shown to it or not. */
unsigned int vring_driver_inflight(const VringDriver *drv);

/* Whether the device is to interrupt with the next chain that it hands back; at first it is.
 * Enabling returns false when something is there already, for which no interrupt may come: do not
 * sleep. Disabling is a hint. */
bool vring_driver_enable_interrupts(VringDriver *drv);
void vring_driver_disable_interrupts(VringDriver *drv);

/* What the device did wrong, one line; NULL while all is well. Only a reset mends it. */
const char *vring_driver_error(const VringDriver *drv);

/* How often vring_driver_kick_prepare() returned true, and how many chains were added. */
uint64_t vring_driver_kicks(const VringDriver *drv);
uint64_t vring_driver_chains(const VringDriver *drv);

#endif
