/*
 * fio's job files: what jobs are in one, and the file that an arm runs, derived from it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The derived file is whole: files that the user's includes are in it. It can be given to fio by
 * hand, from any folder that names in it are relative to.
 */
#ifndef RESULTS_JOB_FILE_H
#define RESULTS_JOB_FILE_H

#include "suite.h"

typedef struct JobSection {
    char *name;
    gboolean global;  /* its options are for the jobs behind it */
    GPtrArray *lines; /* char *: "name=value" or "name", without blanks around either */
} JobSection;

typedef struct JobFile {
    char *path;
    GPtrArray *sections; /* JobSection *, in the order of the file */
    char **left_out;     /* of a derived one: qaio's options that are not in it, "name=value" */
} JobFile;

/* An empty one, and a section for it; for job-derive.c. */
JobFile *job_file_new(const char *path);
JobSection *job_section_new(const char *name, gsize length);

/* NULL with @error set when the file or one that it includes cannot be read, or has no job. */
JobFile *job_file_read(const char *path, GError **error);
void job_file_free(JobFile *jobs);

/*
 * What @arm, of an engine of fio's, runs for @kase, whose job file @jobs is. In each job
 * - the engine and options are @arm's and @kase's, whatever the file said about them;
 * - the file is @device, if that is not NULL, and all that says which and where files are is gone;
 * - options of qaio's that the file has are gone when the engine is another;
 * - group_reporting is gone, which would report several jobs as one.
 * The caller frees it. NULL with @error set when no job file could say so.
 */
JobFile *job_file_derive(const JobFile *jobs, const Arm *arm, const Case *kase, const char *device,
                         GError **error);

/* As fio reads it, after @comment (lines, or NULL). The caller frees it. */
char *job_file_text(const JobFile *jobs, const char *comment);

/* The number of jobs (not counting numjobs), and the name of each. */
guint job_file_count(const JobFile *jobs);
const char *job_file_name(const JobFile *jobs, guint job);

/*
 * The value of @option (of two names of it the one that fio lists first) in force for @job, with
 * ${VARIABLE}s replaced; "" for one without a value; NULL when it is not set. The caller frees it.
 */
char *job_file_get(const JobFile *jobs, guint job, const char *option);

/* The names of all options in force for @job, char *; the caller drops the array. */
GPtrArray *job_file_options(const JobFile *jobs, guint job);

/* How long all jobs take at most, as far as their runtime= says; 0: one of them does not say. */
double job_file_seconds(const JobFile *jobs);

#define JOB_FILE_ERROR (job_file_error_quark())
GQuark job_file_error_quark(void);

#endif
