/* Threads of our own: started with all signals blocked.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QAIO_BASE_THREAD_H
#define QAIO_BASE_THREAD_H

#include <pthread.h>

/*
 * pthread_create() for a thread that no signal is delivered to: signals are for the threads that
 * the program knows of. Returns what pthread_create() does, 0 or a positive errno.
 */
int thread_create_quiet(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                        void *arg);

#endif
