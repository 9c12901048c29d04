/*
 * fio's json+ output as samples: the jobs of one name, on one host, added up.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 *     { "global options": {name: value}, "jobs": [ or "client_stats": [
 *         { "jobname", "error", "total_err", "job options": {name: value},
 *           "job_runtime" (ms), "usr_cpu", "sys_cpu" (percent of it), "ctx",
 *           "read" and "write" and "trim", or "mixed":
 *             { "iops", "bw_bytes", "total_ios", "io_bytes", "short_ios", "drop_ios",
 *               "clat_ns": { "mean", "N", "bins": {ns: count} } },
 *           "hostname", "port" } ] }
 *
 * What fio leaves out: options written without a value (time_based), and with numjobs nothing: each
 * clone has its own entry, unless they are reported as a group, and then their times are added up.
 */
#include "fio-json.h"
#include <math.h>
#include <stdbool.h>
#include "fio-options.h"
#include "hosts.h"
#include "json-fields.h"
#include "json-member.h"
#include "untrusted-json.h"

/* A sample in the making: what is added up before it is divided. */
typedef struct Sums {
    Sample *sample;
    double iops, bw;
    double clat_ns, clat_count;
    double cpu_ns, switches; /* NAN: an entry did not say */
} Sums;

/* What is read at the moment. */
typedef struct Reader {
    GArray *sums;
    const GPtrArray *tables;
    JsonObject *global; /* options; NULL: none */
    bool clients;
    bool exitall; /* a job may have been ended by another */
    Fields at;
} Reader;

/* Adds the count @name, which must be there, to @to. */
static bool add_count(Reader *r, JsonObject *o, const char *name, guint64 *to)
{
    guint64 count;

    if (!fields_count(&r->at, o, name, &count)) {
        return false;
    }
    *to += count;
    return true;
}

static bool add_latencies(Reader *r, Sums *sums, JsonObject *direction)
{
    JsonObject *clat, *bins;
    const Histogram *table;
    double mean = 0, count = 0;

    if (!fields_object(&r->at, direction, "clat_ns", &clat)) {
        return false;
    }
    if (!clat) {
        return true;
    }
    if (!fields_optional(&r->at, clat, "mean", &mean) ||
        !fields_optional(&r->at, clat, "N", &count) ||
        !fields_object(&r->at, clat, "bins", &bins)) {
        return false;
    }
    sums->clat_ns += mean * count;
    sums->clat_count += count;
    if (!bins || json_object_get_size(bins) == 0) {
        return true;
    }
    table = untrusted_json_table(bins, r->tables);
    if (!table) {
        return fields_wrong(&r->at, "clat_ns.bins", "not of counts by nanoseconds");
    }
    histogram_merge(sums->sample->clat, table);
    return true;
}

static bool add_direction(Reader *r, Sums *sums, JsonObject *direction)
{
    Sample *sample = sums->sample;
    double iops, bw;

    if (!add_count(r, direction, "total_ios", &sample->ios) ||
        !add_count(r, direction, "io_bytes", &sample->bytes) ||
        !add_count(r, direction, "short_ios", &sample->short_ios) ||
        !add_count(r, direction, "drop_ios", &sample->dropped_ios) ||
        !fields_number(&r->at, direction, "iops", &iops) ||
        !fields_number(&r->at, direction, "bw_bytes", &bw)) {
        return false;
    }
    sums->iops += iops;
    sums->bw += bw;
    return add_latencies(r, sums, direction);
}

/* "mixed" stands beside the others too if the job asks for both; then it is what they are. */
static bool add_directions(Reader *r, Sums *sums, JsonObject *entry)
{
    static const char *const names[] = { "read", "write", "trim", "mixed" };
    guint found = 0;

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        JsonObject *direction;
        bool good;

        if (!fields_object(&r->at, entry, names[i], &direction)) {
            return false;
        }
        if (!direction || (found > 0 && g_str_equal(names[i], "mixed"))) {
            continue;
        }
        r->at.part = names[i];
        good = add_direction(r, sums, direction);
        r->at.part = NULL;
        if (!good) {
            return false;
        }
        found++;
    }
    return found > 0 || fields_wrong(&r->at, "read", "not there, nor are write, trim or mixed");
}

/* @runtime becomes the job's in ms. */
static bool add_cost(Reader *r, Sums *sums, JsonObject *entry, double *runtime)
{
    double user = NAN, system = NAN, switches = NAN;

    *runtime = NAN;
    if (!fields_optional(&r->at, entry, "job_runtime", runtime) ||
        !fields_optional(&r->at, entry, "usr_cpu", &user) ||
        !fields_optional(&r->at, entry, "sys_cpu", &system) ||
        !fields_optional(&r->at, entry, "ctx", &switches)) {
        return false;
    }
    sums->cpu_ns += (user + system) / 100 * *runtime * 1e6;
    sums->switches += switches;
    return true;
}

/* fio counts errors only when told to go on after them; else there is but the one that ended it. */
static bool add_errors(Reader *r, Sums *sums, JsonObject *entry)
{
    guint64 first = 0, all = 0;

    if (!add_count(r, entry, "error", &first) ||
        (json_object_has_member(entry, "total_err") && !add_count(r, entry, "total_err", &all))) {
        return false;
    }
    sums->sample->errors += MAX(all, first ? 1 : 0);
    return true;
}

static bool add_options(Reader *r, Sums *sums, JsonObject *entry, double runtime_ms)
{
    GHashTable *options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    JsonObject *own;
    bool good = fields_object(&r->at, entry, "job options", &own) &&
                fields_strings(&r->at, r->global, options) && fields_strings(&r->at, own, options);

    if (good) {
        fio_options_join(sums->sample->options, options);
        sums->sample->time_based |= fio_options_ended_by_time(options, runtime_ms);
        r->exitall |= fio_options_on(options, "exitall");
    }
    g_hash_table_unref(options);
    return good;
}

/* "HOST:PORT" of an entry of client_stats; the caller frees it. */
static bool get_host(Reader *r, JsonObject *entry, char **host)
{
    const char *name;
    guint64 port = 0;

    *host = NULL;
    if (!r->clients) {
        return true;
    }
    if (!fields_string(&r->at, entry, "hostname", &name) || !add_count(r, entry, "port", &port)) {
        return false;
    }
    *host = hosts_label(name, port);
    return true;
}

static Sums *find_sums(Reader *r, const char *job, const char *host)
{
    Sums new = { 0 };

    for (guint i = 0; i < r->sums->len; i++) {
        Sums *sums = &g_array_index(r->sums, Sums, i);

        if (g_str_equal(sums->sample->job, job) && g_strcmp0(sums->sample->host, host) == 0) {
            return sums;
        }
    }
    new.sample = sample_new(job, host);
    g_array_append_val(r->sums, new);
    return &g_array_index(r->sums, Sums, r->sums->len - 1);
}

static bool read_entry(Reader *r, JsonObject *entry)
{
    const char *job;
    double runtime;
    char *host;
    Sums *sums;

    if (!fields_string(&r->at, entry, "jobname", &job) || !get_host(r, entry, &host)) {
        return false;
    }
    r->at.item = job;
    sums = find_sums(r, job, host);
    g_free(host);
    return add_errors(r, sums, entry) && add_directions(r, sums, entry) &&
           add_cost(r, sums, entry, &runtime) && add_options(r, sums, entry, runtime);
}

/* The last entry of client_stats is all others added up, if there are any. */
static bool is_total(JsonObject *entry)
{
    JsonNode *name = json_object_get_member(entry, "jobname");

    return name && JSON_NODE_HOLDS_VALUE(name) &&
           g_strcmp0(json_node_get_string(name), "All clients") == 0 &&
           !json_object_has_member(entry, "job options");
}

static bool read_entries(Reader *r, JsonArray *entries)
{
    const char *name = r->clients ? "client_stats" : "jobs";
    guint n = json_array_get_length(entries);

    for (guint i = 0; i < n; i++) {
        JsonNode *node = json_array_get_element(entries, i);

        if (!JSON_NODE_HOLDS_OBJECT(node)) {
            return fields_wrong(&r->at, name, "not of objects");
        }
        if (r->clients && i == n - 1 && is_total(json_node_get_object(node))) {
            break;
        }
        if (!read_entry(r, json_node_get_object(node))) {
            return false;
        }
        r->at.item = NULL;
    }
    return r->sums->len > 0 || fields_wrong(&r->at, name, "empty");
}

static bool read_output(Reader *r, JsonObject *root)
{
    JsonNode *entries = json_object_get_member(root, "jobs");

    if (!entries) {
        entries = json_object_get_member(root, "client_stats");
        r->clients = true;
    }
    if (!entries || !JSON_NODE_HOLDS_ARRAY(entries)) {
        r->clients = false;
        return fields_wrong(&r->at, "jobs", "not an array, nor is client_stats");
    }
    return fields_object(&r->at, root, "global options", &r->global) &&
           read_entries(r, json_node_get_array(entries));
}

/* NAN when it is no number, as of numbers that no fio wrote. */
static double quotient(double a, double b)
{
    return b > 0 && isfinite(a / b) ? a / b : NAN;
}

/* What was added up becomes the sample's values. fio gives a rate of 0 to what took less than a
 * millisecond. */
static void finish(Reader *r, Sums *sums)
{
    Sample *sample = sums->sample;

    sample->time_based |= r->exitall;
    sample->value[METRIC_IOPS] = sums->iops > 0 ? quotient(sums->iops, 1) : NAN;
    sample->value[METRIC_BW] = sums->bw > 0 ? quotient(sums->bw, 1) : NAN;
    sample->value[METRIC_LAT_MEAN] = quotient(sums->clat_ns, sums->clat_count);
    sample->value[METRIC_LAT_P50] = histogram_quantile(sample->clat, 0.5);
    sample->value[METRIC_LAT_P99] = histogram_quantile(sample->clat, 0.99);
    sample->value[METRIC_LAT_P999] = histogram_quantile(sample->clat, 0.999);
    sample->value[METRIC_LAT_P9999] = histogram_quantile(sample->clat, 0.9999);
    sample->value[METRIC_CPU] = quotient(sums->cpu_ns, sample->ios);
    sample->value[METRIC_SWITCHES] = quotient(sums->switches, sample->ios);
    histogram_compact(sample->clat);
}

/* Takes the samples out of @r, into @samples if they are good. */
static void take_samples(Reader *r, bool good, GPtrArray *samples)
{
    for (guint i = 0; i < r->sums->len; i++) {
        Sums *sums = &g_array_index(r->sums, Sums, i);

        if (good) {
            finish(r, sums);
            g_ptr_array_add(samples, sums->sample);
        } else {
            sample_free(sums->sample);
        }
    }
    g_array_unref(r->sums);
}

static bool read_root(JsonObject *root, const GPtrArray *tables, GPtrArray *samples, GError **error)
{
    Reader r = { .tables = tables, .at = { .of = "output of fio", .error = error } };
    bool good;

    r.sums = g_array_new(FALSE, FALSE, sizeof(Sums));
    good = read_output(&r, root);
    take_samples(&r, good, samples);
    json_object_unref(root);
    return good;
}

gboolean fio_json_read(const char *text, gsize length, GPtrArray *samples, GError **error)
{
    GPtrArray *tables = g_ptr_array_new_with_free_func((GDestroyNotify)histogram_free);
    JsonObject *root = untrusted_json_parse(text, length, tables, error);
    bool good = root && read_root(root, tables, samples, error);

    if (!good) {
        untrusted_json_explain(error, text, length);
    }
    g_ptr_array_unref(tables);
    return good;
}

gboolean fio_json_read_file(const char *path, GPtrArray *samples, GError **error)
{
    gsize length;
    char *text = untrusted_json_text(path, &length, error);
    bool good = text && fio_json_read(text, length, samples, error);

    if (!good) {
        g_prefix_error(error, "%s cannot be read: ", path);
    }
    g_free(text);
    return good;
}

static char *failure_of(JsonNode *node)
{
    JsonObject *job = JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
    const char *name = job ? json_string(job, "jobname") : NULL;
    guint64 code;

    if (!name || !json_uint(job, "error", G_MAXINT, &code) || code == 0) {
        return NULL;
    }
    return g_strdup_printf("job %s: %s", name, g_strerror(code));
}

char *fio_json_failure(const char *path)
{
    JsonObject *root = untrusted_json_load(path, NULL);
    JsonArray *jobs = root ? json_array(root, "jobs") : NULL;
    char *failure = NULL;

    for (guint i = 0; jobs && i < json_array_get_length(jobs) && !failure; i++) {
        failure = failure_of(json_array_get_element(jobs, i));
    }
    g_clear_pointer(&root, json_object_unref);
    return failure;
}
