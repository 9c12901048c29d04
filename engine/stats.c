/*
 * qaio_stats=FILE: what the path did, as one line of JSON per job.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The line is put together in memory and appended by one write, so that the lines of jobs that end
 * together do not mix.
 */
#include "engine/virtio-disk.h"

#define ULL(x) ((unsigned long long)(x))

/* GLib's g_strescape() writes octal escapes, which are not JSON's. */
static void add_string(GString *out, const char *key, const char *value)
{
    g_string_append_printf(out, "\"%s\":\"", key);
    for (const char *c = value; *c; c++) {
        if (*c == '"' || *c == '\\') {
            g_string_append_printf(out, "\\%c", *c);
        } else if ((unsigned char)*c < 0x20) {
            g_string_append_printf(out, "\\u%04x", *c);
        } else {
            g_string_append_c(out, *c);
        }
    }
    g_string_append(out, "\",");
}

static void add_number(GString *out, const char *key, uint64_t value)
{
    g_string_append_printf(out, "\"%s\":%llu,", key, ULL(value));
}

/* {"1":n,"2":n,"4":n,...}: how many were up to that large, and larger than the one before. */
static void add_histogram(GString *out, const char *key, const uint64_t *buckets)
{
    unsigned last = AIO_HISTOGRAM_BUCKETS;

    while (last > 0 && !buckets[last - 1]) {
        last--;
    }
    g_string_append_printf(out, "\"%s\":{", key);
    for (unsigned i = 0; i < last; i++) {
        g_string_append_printf(out, "%s\"%u\":%llu", i ? "," : "", 1u << i, ULL(buckets[i]));
    }
    g_string_append(out, "},");
}

static void add_requests(GString *out, const struct qaio_counters *counters)
{
    const uint64_t *n = counters->requests;

    g_string_append_printf(
        out, "\"requests\":{\"read\":%llu,\"write\":%llu,\"trim\":%llu,\"sync\":%llu},",
        ULL(n[DDIR_READ]), ULL(n[DDIR_WRITE]), ULL(n[DDIR_TRIM]),
        ULL(n[DDIR_SYNC] + n[DDIR_DATASYNC] + n[DDIR_SYNC_FILE_RANGE]));
    add_number(out, "failed", counters->failed);
}

static void add_aio(GString *out, const AioStats *stats)
{
    add_number(out, "io_submit_calls", stats->submit_calls);
    add_histogram(out, "batch_histogram", stats->batch);
    add_number(out, "completions", stats->completions);
    add_histogram(out, "completions_histogram", stats->completion_runs);
    add_number(out, "ring_polls", stats->ring_polls);
    add_number(out, "ring_polls_empty", stats->ring_polls_empty);
    add_number(out, "eventfd_waits", stats->eventfd_wakeups);
    add_number(out, "eagain", stats->submit_again);
    add_number(out, "submit_errors", stats->submit_errors);
}

static void add_memory(GString *out, struct qaio_data *qd)
{
    uint64_t allocations = qd->path->allocations(qd);
    CoroutinePoolStats coroutines;

    qemu_coroutine_pool_stats(&coroutines);
    add_number(out, "coroutines_created", coroutines.created);
    add_number(out, "coroutines_live_max", coroutines.live_max);
    add_number(out, "allocations", allocations);
    add_number(out, "allocations_after_warmup", allocations - qd->counters.allocations_at_start);
}

/* {"N":n,...,"more":n}: how many took less than N ns, and not less than the one before. */
static void add_latency_histogram(GString *out, const BlockLatencyHistogram *hist)
{
    const char *comma = "";

    g_string_append(out, "\"latency_histogram\":{");
    for (unsigned i = 0; i < hist->nbins; i++) {
        if (!hist->bins[i]) {
            continue;
        }
        if (i < hist->nbins - 1) {
            g_string_append_printf(out, "%s\"%llu\":", comma, ULL(hist->boundaries[i]));
        } else {
            g_string_append_printf(out, "%s\"more\":", comma);
        }
        g_string_append_printf(out, "%llu", ULL(hist->bins[i]));
        comma = ",";
    }
    g_string_append(out, "}");
}

static void add_account(GString *out, const char *key, const BlockAcctStats *acct,
                        BlockAcctType type)
{
    const BlockAcctCounters *c = &acct->types[type];

    g_string_append_printf(out, "\"%s\":{", key);
    add_number(out, "bytes", c->nr_bytes);
    add_number(out, "operations", c->nr_ops);
    add_number(out, "failed", c->failed_ops);
    add_number(out, "invalid", c->invalid_ops);
    add_number(out, "merged", c->merged);
    add_number(out, "latency_min_ns", c->min_latency_ns);
    add_number(out, "latency_avg_ns", block_acct_mean_latency_ns(acct, type));
    add_number(out, "latency_max_ns", c->max_latency_ns);
    add_latency_histogram(out, &c->latency_histogram);
    g_string_append(out, "},");
}

static void add_accounts(GString *out, const BlockAcctStats *acct)
{
    g_string_append(out, "\"accounts\":{");
    add_account(out, "read", acct, BLOCK_ACCT_READ);
    add_account(out, "write", acct, BLOCK_ACCT_WRITE);
    add_account(out, "flush", acct, BLOCK_ACCT_FLUSH);
    add_account(out, "unmap", acct, BLOCK_ACCT_UNMAP);
    g_string_truncate(out, out->len - 1);
    g_string_append(out, "},");
}

static void add_iothreads(GString *out, const struct qaio_virtio *v)
{
    g_string_append(out, "\"iothreads\":[");
    for (unsigned i = 0; i < v->niothreads; i++) {
        g_string_append_printf(out, "%s{\"index\":%u,\"cpu_ns\":%llu}", i ? "," : "", i,
                               ULL(qaio_iothread_cpu_ns(&v->iothreads[i])));
    }
    g_string_append(out, "]");
}

/* What the devices joined is in the accounts. */
static void add_virtio(GString *out, const struct qaio_virtio *v)
{
    g_string_append(out, "\"virtio\":{");
    add_number(out, "kicks", v->kicks);
    add_number(out, "interrupts", v->interrupts);
    add_number(out, "stops", v->stops);
    add_number(out, "cpu_ns", virtio_job_cpu_ns(v));
    add_iothreads(out, v);
    g_string_append(out, "},");
}

static GString *format_stats(struct qaio_data *qd)
{
    GString *out = g_string_new("{");

    add_string(out, "job", qd->td->o.name ? qd->td->o.name : "");
    add_number(out, "pid", getpid());
    add_string(out, "fio", QAIO_FIO_VERSION);
    add_requests(out, &qd->counters);
    add_number(out, "padded_reads", qd->counters.padding.padded_reads);
    add_number(out, "rmw_writes", qd->counters.padding.rmw_writes);
    add_aio(out, qd->path->aio_stats(qd));
    add_memory(out, qd);
    add_accounts(out, qd->acct);
    if (qd->virtio) {
        add_virtio(out, qd->virtio);
    }

    g_string_truncate(out, out->len - 1); /* the last comma */
    return g_string_append(out, "}\n");
}

int qaio_open_stats(struct qaio_data *qd)
{
    qd->stats_fd = -1;
    if (!qd->options->stats) {
        return 0;
    }
    qd->stats_fd = open(qd->options->stats, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    return qd->stats_fd < 0 ? -errno : 0;
}

int qaio_write_stats(struct qaio_data *qd)
{
    GString *line;
    ssize_t len;
    int ret = 0;

    if (qd->stats_fd < 0) {
        return 0;
    }
    line = format_stats(qd);
    len = write(qd->stats_fd, line->str, line->len);
    if (len != (ssize_t)line->len) {
        ret = len < 0 ? -errno : -ENOSPC;
    }
    if (close(qd->stats_fd) < 0 && !ret) {
        ret = -errno;
    }
    qd->stats_fd = -1;
    g_string_free(line, TRUE);
    return ret;
}
