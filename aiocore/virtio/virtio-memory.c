/*
 * Memory regions: what of this process the driver may point the device to.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * An ascending table. Regions that touch or overlap are made one when they are added, so what lies
 * in two of them side by side needs no second look.
 */
#include "base/osdep.h"
#include "virtio/virtio_int.h"

/* The index of the first region that ends at @addr or behind it. */
static int first_reaching(const VirtIODevice *vdev, hwaddr addr)
{
    int i = 0;

    while (i < vdev->nregions && vdev->regions[i].end < addr) {
        i++;
    }
    return i;
}

int virtio_add_memory_region(VirtIODevice *vdev, void *base, size_t size)
{
    VirtIOMemoryRegion new = { (uintptr_t)base, (uintptr_t)base + size };
    int first = first_reaching(vdev, new.base);
    int last = first; /* one behind those that become part of the new one */

    if (new.end <= new.base) {
        return -EINVAL;
    }
    while (last < vdev->nregions && vdev->regions[last].base <= new.end) {
        new.base = MIN(new.base, vdev->regions[last].base);
        new.end = MAX(new.end, vdev->regions[last].end);
        last++;
    }
    vdev->regions = g_renew(VirtIOMemoryRegion, vdev->regions, vdev->nregions + 1);
    memmove(&vdev->regions[first + 1], &vdev->regions[last], (vdev->nregions - last) * sizeof(new));
    vdev->regions[first] = new;
    vdev->nregions += 1 - (last - first);
    return 0;
}

/* The region that the byte at @addr is in, else NULL. */
static const VirtIOMemoryRegion *find_region(const VirtIODevice *vdev, hwaddr addr)
{
    int low = 0;
    int high = vdev->nregions;

    while (low < high) {
        int mid = (low + high) / 2;

        if (vdev->regions[mid].end <= addr) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < vdev->nregions && vdev->regions[low].base <= addr ? &vdev->regions[low] : NULL;
}

bool virtio_memory_has(const VirtIODevice *vdev, VirtIOMemoryHit *hit, hwaddr addr, uint64_t len)
{
    const VirtIOMemoryRegion *region = find_region(vdev, addr);

    if (!region || len == 0 || len > region->end - addr) {
        return false;
    }
    *hit = (VirtIOMemoryHit){ .base = region->base, .size = region->end - region->base };
    return true;
}
