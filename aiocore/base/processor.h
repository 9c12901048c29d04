/* What a loop that waits for another processor tells its own.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_BASE_PROCESSOR_H
#define QAIO_BASE_PROCESSOR_H

/* Once per turn of a loop that spins on memory which another thread will change: leaves the
 * processor's other thread more of the core, and reads no stale value for longer. */
#if defined(__x86_64__) || defined(__i386__)
#define cpu_relax() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define cpu_relax() __asm__ volatile("yield" ::: "memory")
#else
#define cpu_relax() __asm__ volatile("" ::: "memory")
#endif

#endif
