/*
 * Random numbers that are the same on every machine: splitmix64 (Steele, Lea, Flood 2014).
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The state is the seed and nothing more; any seed is as good as any other.
 */
#ifndef RESULTS_RANDOM_H
#define RESULTS_RANDOM_H

#include <glib.h>

/* 64 random bits; moves @state on. */
static inline guint64 random_bits(guint64 *state)
{
    guint64 z = *state += G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* One of 0 ... @n - 1. What it is off from even, n / 2^32, is nothing here. */
static inline guint random_below(guint64 *state, guint n)
{
    return (guint)(((random_bits(state) >> 32) * n) >> 32);
}

/* In [0, 1). */
static inline double random_unit(guint64 *state)
{
    return (random_bits(state) >> 11) * 0x1p-53;
}

#endif
