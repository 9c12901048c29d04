/*
 * What qaio-compare has measured, in memory: arms, cases, and what each run gave.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A suite holds cases and arms. A *case* is one job file at one point of a sweep; an *arm* is an
 * engine with its options, or qemu-img; the first arm is the one that the others are compared with.
 * A *round* runs every arm of every case once; so the runs of one case in one round belong together
 * and are compared with each other and with nothing else.
 *
 * A *run* is one process of fio (or qemu-img). It gives one *sample* for each job name in the file,
 * and for each host if there are several: jobs of one name (numjobs) are one sample.
 */
#ifndef RESULTS_SUITE_H
#define RESULTS_SUITE_H

#include <glib.h>
#include <json-glib/json-glib.h>
#include "histogram.h"
#include "metric.h"

typedef enum { ARM_FIO, ARM_QEMU_IMG } ArmKind;

typedef struct Arm {
    ArmKind kind;
    char *name;     /* "a", "b", "c", ...; with a sweep of engine options "b qaio_merge=on" */
    char *spec;     /* as the user wrote it */
    char *engine;   /* fio's ioengine=; NULL for qemu-img */
    char **options; /* "name=value", NULL at the end; what the sweep adds too */
} Arm;

typedef struct Case {
    char *name;     /* the job file's without folder and suffix, and the point of the sweep */
    char *job_file; /* as the user wrote it */
    char **options; /* fio options of the point of the sweep; "name=value", NULL at the end */
} Case;

/* One job's result in one run. */
typedef struct Sample {
    char *job;                  /* the job's name in the file */
    char *host;                 /* NULL without --hosts */
    double value[METRIC_COUNT]; /* NAN: the run did not give it */
    Histogram *clat;            /* completion latencies of all directions in ns; may be empty */
    guint64 ios, bytes;         /* of all directions */
    guint64 errors, short_ios, dropped_ios;
    bool time_based;     /* so that ios and bytes are a matter of speed */
    GHashTable *options; /* effective options: name -> value, both char * */
} Sample;

typedef struct Run {
    guint arm, kase, round; /* indexes in the suite; round from 0 */
    guint order;            /* its place in the sequence of all runs, from 0 */
    gint64 started;         /* microseconds of wall-clock time since 1970 */
    double seconds;         /* how long the process ran */
    char *file;             /* of its raw output, relative to the suite's folder */
    GPtrArray *samples;     /* Sample *; empty when the run failed */
    char *problem;          /* why it failed, one line; NULL when it did not */
} Run;

typedef struct Suite {
    char *name;
    GPtrArray *arms, *cases, *runs; /* Arm *, Case *, Run * in the order in which they ran */
    guint rounds;                   /* as planned; interrupted suites have fewer that are whole */
    bool interrupted;
    JsonObject *manifest; /* where and with what it was measured (docs/qaio-compare-json.md) */
} Suite;

/* Each frees what it is given with all that it owns; NULL is fine. */
void arm_free(Arm *arm);
void case_free(Case *kase);
void sample_free(Sample *sample);
void run_free(Run *run);
void suite_free(Suite *suite);

/* The same with all that it owns; for the caller to alter and to free. */
Arm *arm_copy(const Arm *arm);
Case *case_copy(const Case *kase);

/* A suite without arms, cases and runs. */
Suite *suite_new(const char *name);

/* A sample with NAN in every value and an empty histogram; for the reader to fill. */
Sample *sample_new(const char *job, const char *host);

/* The run of @arm in @round of @kase, or NULL. */
const Run *suite_run(const Suite *suite, guint arm, guint kase, guint round);

/* The sample of @job on @host (NULL: of no host) in @run, or NULL. */
const Sample *run_sample(const Run *run, const char *job, const char *host);

#endif
