/*
 * How kicks reach a virtqueue and interrupts leave it: eventfds, polling, or plain calls.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     driver  -- host_notifier -->  handle_output      kick: the eventfd that a VMM has as
 * ioeventfd driver  <-- guest_notifier -- virtio_notify_irqfd         interrupt: its irqfd driver
 * <-- vdev->notify ---- virtio_notify               interrupt without an eventfd
 *
 * While the loop polls, it looks at the available ring, and the driver is told that it need not
 * kick. When the loop is about to sleep, io_poll_end asks for kicks, and then io_poll looks once
 * more: what was added between the last look and the asking is found there.
 */
#include "base/osdep.h"
#include "virtio/virtio_int.h"

/* ---- kicks ---------------------------------------------------------------------------------- */

void virtio_queue_notify_vq(VirtQueue *vq)
{
    if (vq->desc && !virtio_device_broken(vq->vdev)) {
        vq->handle_output(vq->vdev, vq);
    }
}

void virtio_queue_notify(VirtIODevice *vdev, int n)
{
    virtio_queue_notify_vq(vdev->vq[n]);
}

static int set_notifier(EventNotifier *n, bool assign)
{
    if (assign) {
        return n->initialized ? 0 : event_notifier_init(n, 0);
    }
    event_notifier_cleanup(n);
    return 0;
}

int virtio_queue_set_host_notifier(VirtQueue *vq, bool assign)
{
    return set_notifier(&vq->host_notifier, assign);
}

EventNotifier *virtio_queue_get_host_notifier(VirtQueue *vq)
{
    return &vq->host_notifier;
}

static VirtQueue *queue_of(EventNotifier *n)
{
    return container_of(n, VirtQueue, host_notifier);
}

void virtio_queue_host_notifier_read(EventNotifier *n)
{
    if (event_notifier_test_and_clear(n)) {
        virtio_queue_notify_vq(queue_of(n));
    }
}

static bool virtio_queue_host_notifier_aio_poll(void *opaque)
{
    return !virtio_queue_empty(queue_of(opaque));
}

static void virtio_queue_host_notifier_aio_poll_ready(EventNotifier *n)
{
    virtio_queue_notify_vq(queue_of(n));
}

static void virtio_queue_host_notifier_aio_poll_begin(EventNotifier *n)
{
    virtio_queue_set_notification(queue_of(n), 0);
}

static void virtio_queue_host_notifier_aio_poll_end(EventNotifier *n)
{
    virtio_queue_set_notification(queue_of(n), 1);
}

void virtio_queue_aio_attach_host_notifier(VirtQueue *vq, AioContext *ctx)
{
    /* Chains that came without a kick while nobody served the queue are found by io_poll, which the
     * loop asks before it sleeps. */
    virtio_queue_set_notification(vq, 1);
    aio_set_event_notifier(ctx, &vq->host_notifier, true, virtio_queue_host_notifier_read,
                           virtio_queue_host_notifier_aio_poll,
                           virtio_queue_host_notifier_aio_poll_ready);
    aio_set_event_notifier_poll(ctx, &vq->host_notifier, virtio_queue_host_notifier_aio_poll_begin,
                                virtio_queue_host_notifier_aio_poll_end);
}

void virtio_queue_aio_detach_host_notifier(VirtQueue *vq, AioContext *ctx)
{
    aio_set_event_notifier(ctx, &vq->host_notifier, true, NULL, NULL, NULL);
}

/* ---- interrupts ----------------------------------------------------------------------------- */

static void count_interrupt(VirtQueue *vq)
{
    qatomic_set(&vq->interrupts, vq->interrupts + 1);
}

void virtio_notify(VirtIODevice *vdev, VirtQueue *vq)
{
    if (virtio_should_notify(vdev, vq)) {
        count_interrupt(vq);
        if (vdev->notify) {
            vdev->notify(vdev, vq);
        }
    }
}

void virtio_notify_irqfd(VirtIODevice *vdev, VirtQueue *vq)
{
    if (virtio_should_notify(vdev, vq)) {
        count_interrupt(vq);
        event_notifier_set(&vq->guest_notifier);
    }
}

int virtio_queue_set_guest_notifier(VirtQueue *vq, bool assign)
{
    return set_notifier(&vq->guest_notifier, assign);
}

EventNotifier *virtio_queue_get_guest_notifier(VirtQueue *vq)
{
    return &vq->guest_notifier;
}

uint64_t virtio_queue_get_interrupts(const VirtQueue *vq)
{
    return qatomic_read(&vq->interrupts);
}
