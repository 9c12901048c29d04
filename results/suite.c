/*
 * What qaio-compare has measured, in memory: making, finding and freeing it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "suite.h"
#include <math.h>

void arm_free(Arm *arm)
{
    if (arm) {
        g_free(arm->name);
        g_free(arm->spec);
        g_free(arm->engine);
        g_strfreev(arm->options);
        g_free(arm);
    }
}

void case_free(Case *kase)
{
    if (kase) {
        g_free(kase->name);
        g_free(kase->job_file);
        g_strfreev(kase->options);
        g_free(kase);
    }
}

Arm *arm_copy(const Arm *arm)
{
    Arm *copy = g_new(Arm, 1);

    *copy = (Arm){
        .kind = arm->kind,
        .name = g_strdup(arm->name),
        .spec = g_strdup(arm->spec),
        .engine = g_strdup(arm->engine),
        .options = g_strdupv(arm->options),
    };
    return copy;
}

Case *case_copy(const Case *kase)
{
    Case *copy = g_new(Case, 1);

    *copy = (Case){
        .name = g_strdup(kase->name),
        .job_file = g_strdup(kase->job_file),
        .options = g_strdupv(kase->options),
    };
    return copy;
}

Sample *sample_new(const char *job, const char *host)
{
    Sample *sample = g_new0(Sample, 1);

    sample->job = g_strdup(job);
    sample->host = g_strdup(host);
    for (int i = 0; i < METRIC_COUNT; i++) {
        sample->value[i] = NAN;
    }
    sample->clat = histogram_new();
    sample->options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return sample;
}

void sample_free(Sample *sample)
{
    if (sample) {
        g_free(sample->job);
        g_free(sample->host);
        histogram_free(sample->clat);
        g_hash_table_unref(sample->options);
        g_free(sample);
    }
}

void run_free(Run *run)
{
    if (run) {
        g_free(run->file);
        g_free(run->problem);
        g_ptr_array_unref(run->samples);
        g_free(run);
    }
}

Suite *suite_new(const char *name)
{
    Suite *suite = g_new0(Suite, 1);

    suite->name = g_strdup(name);
    suite->arms = g_ptr_array_new_with_free_func((GDestroyNotify)arm_free);
    suite->cases = g_ptr_array_new_with_free_func((GDestroyNotify)case_free);
    suite->runs = g_ptr_array_new_with_free_func((GDestroyNotify)run_free);
    suite->manifest = json_object_new();
    return suite;
}

void suite_free(Suite *suite)
{
    if (suite) {
        g_free(suite->name);
        g_ptr_array_unref(suite->arms);
        g_ptr_array_unref(suite->cases);
        g_ptr_array_unref(suite->runs);
        json_object_unref(suite->manifest);
        g_free(suite);
    }
}

const Run *suite_run(const Suite *suite, guint arm, guint kase, guint round)
{
    for (guint i = 0; i < suite->runs->len; i++) {
        const Run *run = g_ptr_array_index(suite->runs, i);

        if (run->arm == arm && run->kase == kase && run->round == round) {
            return run;
        }
    }
    return NULL;
}

const Sample *run_sample(const Run *run, const char *job, const char *host)
{
    for (guint i = 0; i < run->samples->len; i++) {
        const Sample *sample = g_ptr_array_index(run->samples, i);

        if (g_str_equal(sample->job, job) && g_strcmp0(sample->host, host) == 0) {
            return sample;
        }
    }
    return NULL;
}
