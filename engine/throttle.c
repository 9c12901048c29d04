/*
 * qaio_throttle_*: a job's limits, and the throttle group that they are those of.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each open file of the job is a member of the group, and so is the job itself, which sends no
 * requests: else the buckets would be gone, and new ones be made, whenever no file is open.
 */
#include "engine/engine.h"

/* ---- options --------------------------------------------------------------------------------- */

static void limits_of_options(const struct qaio_options *options, ThrottleConfig *cfg)
{
    throttle_config_init(cfg);
    for (unsigned i = 0; i < BUCKETS_COUNT; i++) {
        cfg->buckets[i].avg = options->throttle[i].avg;
        cfg->buckets[i].max = options->throttle[i].max;
        cfg->buckets[i].burst_length = options->throttle[i].max_length;
    }
    cfg->op_size = options->throttle_iops_size;
}

int qaio_apply_throttle(struct qaio_data *qd)
{
    Error *err = NULL;

    limits_of_options(qd->options, &qd->limits);
    if (!throttle_is_valid(&qd->limits, &err)) {
        log_err("qaio: qaio_throttle_*: %s\n", error_get_pretty(err));
        error_free(err);
        return -EINVAL;
    }
    qd->throttled = throttle_enabled(&qd->limits) || qd->options->throttle_group;
    return 0;
}

/* ---- the group ------------------------------------------------------------------------------- */

static bool same_limits(const ThrottleConfig *a, const ThrottleConfig *b)
{
    for (unsigned i = 0; i < BUCKETS_COUNT; i++) {
        if (a->buckets[i].avg != b->buckets[i].avg || a->buckets[i].max != b->buckets[i].max ||
            a->buckets[i].burst_length != b->buckets[i].burst_length) {
            return false;
        }
    }
    return a->op_size == b->op_size;
}

/* Who comes first sets them, once: setting them again would empty the buckets. Who comes later may
 * say nothing, or the same. */
static int set_limits(struct qaio_data *qd)
{
    /* Threads of fio's are on their way into one group; this makes one of them the first. */
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    ThrottleConfig now;
    int ret = 0;

    if (!throttle_enabled(&qd->limits)) {
        return 0;
    }
    pthread_mutex_lock(&lock);
    throttle_group_get_config(&qd->throttle, &now);
    if (!throttle_enabled(&now)) {
        throttle_group_config(&qd->throttle, &qd->limits);
    } else if (!same_limits(&now, &qd->limits)) {
        log_err("qaio: qaio_throttle_group=%s has other limits in another job: give all of them "
                "the same, or give them to one\n",
                qd->options->throttle_group);
        ret = -EINVAL;
    }
    pthread_mutex_unlock(&lock);
    return ret;
}

int qaio_start_throttle(struct qaio_data *qd)
{
    char *name;
    int ret;

    if (!qd->throttled) {
        return 0;
    }
    /* Whatever users call theirs, a job's own group is another. */
    name = qd->options->throttle_group ? g_strdup_printf("named %s", qd->options->throttle_group)
                                       : g_strdup_printf("job %p", (void *)qd);
    throttle_group_register_tgm(&qd->throttle, name, qd->ctx);
    g_free(name);
    ret = set_limits(qd);
    if (ret < 0) {
        qaio_stop_throttle(qd);
    }
    return ret;
}

void qaio_stop_throttle(struct qaio_data *qd)
{
    if (qd->throttle.group) {
        throttle_group_unregister_tgm(&qd->throttle);
    }
}
