/* A thread begins with the signal mask of the one that makes it.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/osdep.h"
#include <signal.h>
#include "base/thread.h"

int thread_create_quiet(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *),
                        void *arg)
{
    sigset_t all, before;
    int ret;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    ret = pthread_create(thread, attr, start, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ret;
}
