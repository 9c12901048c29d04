/*
 * qaio-compare's command line: GLib's parser, and what it does not know by itself: sizes, shares,
 * lists of names, and arms that are letters.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "command-line.h"
#include <math.h>
#include <string.h>
#include "json-member.h"

#define DEFAULT_RAM "256m"

enum { MOST_PAIRS = 10000 };

static const double default_band = 0.02, default_confidence = 0.95;
static const MetricId default_decides[] = { METRIC_IOPS, METRIC_LAT_MEAN, METRIC_CPU };

G_DEFINE_QUARK(qaio - compare - options, options_error)

static gboolean bad(GError **error, const char *option, const char *wanted, const char *value)
{
    g_set_error(error, OPTIONS_ERROR, 0, "%s: %s, not \"%s\"", option, wanted, value);
    return FALSE;
}

/* Values. */

static gboolean read_ram(const char *option, const char *value, gpointer data, GError **error)
{
    Options *o = data;
    const char *text = *value ? value : DEFAULT_RAM;
    char *end;
    guint64 n = g_ascii_strtoull(text, &end, 10);
    int shift = g_ascii_tolower(*end) == 'm' ? 20 : g_ascii_tolower(*end) == 'g' ? 30 : 0;

    if (!g_ascii_isdigit(*text) || shift == 0 || end[1] != '\0' || n == 0 || n > 1 << 20) {
        return bad(error, option, "a size in MiB or GiB, like 256m", value);
    }
    o->ram = n << shift;
    return TRUE;
}

static gboolean read_band(const char *option, const char *value, gpointer data, GError **error)
{
    Options *o = data;
    char *end;
    double percent = g_ascii_strtod(value, &end);

    end += *end == '%';
    if (!g_ascii_isdigit(*value) || *end != '\0' || !(percent >= 0 && percent <= 50)) {
        return bad(error, option, "a number of percent from 0 to 50, like 2", value);
    }
    o->band = percent / 100;
    return TRUE;
}

static gboolean read_whole(const char *value, gint64 from, gint64 to, gint64 *number)
{
    guint64 n;

    if (!g_ascii_string_to_unsigned(value, 10, from, to, &n, NULL)) {
        return FALSE;
    }
    *number = n;
    return TRUE;
}

static gboolean read_pairs(const char *option, const char *value, gpointer data, GError **error)
{
    Options *o = data;

    return read_whole(value, 1, MOST_PAIRS, &o->pairs) ||
           bad(error, option, "a whole number from 1 to 10000", value);
}

static gboolean read_seed(const char *option, const char *value, gpointer data, GError **error)
{
    Options *o = data;

    return read_whole(value, 0, G_MAXUINT32, &o->seed) ||
           bad(error, option, "a whole number from 0 to 4294967295", value);
}

static gboolean read_arm(const char *option, const char *value, gpointer data, GError **error)
{
    Options *o = data;
    int letter = option[2] - 'a';

    if (*value == '\0') {
        return bad(error, option, "an engine, and its options after commas", value);
    }
    if (o->arms[letter]) {
        g_set_error(error, OPTIONS_ERROR, 0, "%s is given twice: each arm has a letter of its own",
                    option);
        return FALSE;
    }
    o->arms[letter] = g_strdup(value);
    return TRUE;
}

/* Lists of names. */

static char *metric_names(void)
{
    GString *names = g_string_new(NULL);

    for (int i = 0; i < METRIC_COUNT; i++) {
        g_string_append_printf(names, "%s%s", i ? ", " : "", metrics[i].name);
    }
    return g_string_free(names, FALSE);
}

static gboolean set_decides(Options *o, const char *name, GError **error)
{
    int metric = metric_by_name(name);
    char *names;

    if (metric >= 0) {
        o->decides[metric] = TRUE;
        return TRUE;
    }
    names = metric_names();
    g_set_error(error, OPTIONS_ERROR, 0, "--decide: there is no metric \"%s\"; there are %s", name,
                names);
    g_free(names);
    return FALSE;
}

static gboolean set_fails(Options *o, const char *name, GError **error)
{
    static const Verdict failures[] = { VERDICT_SLOWER, VERDICT_CANNOT_TELL,
                                        VERDICT_NOT_COMPARABLE };

    for (guint i = 0; i < G_N_ELEMENTS(failures); i++) {
        if (g_str_equal(verdict_word(failures[i]), name)) {
            o->fails[failures[i]] = TRUE;
            return TRUE;
        }
    }
    if (g_str_equal(name, "nothing")) {
        return TRUE;
    }
    g_set_error(error, OPTIONS_ERROR, 0,
                "--fail-on: slower, cannot-tell, not-comparable, several with commas, or nothing; "
                "not \"%s\"",
                name);
    return FALSE;
}

typedef gboolean SetName(Options *o, const char *name, GError **error);

static gboolean read_names(Options *o, const char *value, SetName *set, GError **error)
{
    char **names = g_strsplit(value, ",", -1);
    gboolean ok = *names != NULL || set(o, "", error);

    for (char **name = names; *name && ok; name++) {
        ok = set(o, *name, error);
    }
    g_strfreev(names);
    return ok;
}

static gboolean read_decide(const char *option, const char *value, gpointer data, GError **error)
{
    Options *o = data;

    (void)option;
    o->decide_said = TRUE;
    memset(o->decides, 0, sizeof(o->decides));
    return read_names(o, value, set_decides, error);
}

static gboolean read_fail_on(const char *option, const char *value, gpointer data, GError **error)
{
    Options *o = data;

    (void)option;
    memset(o->fails, 0, sizeof(o->fails));
    return read_names(o, value, set_fails, error);
}

static gboolean read_report(const char *option, const char *value, gpointer data, GError **error)
{
    static const char *const formats[] = {
        "text", "markdown", "json", "junit", "tap", "html", NULL
    };
    Options *o = data;
    const char *equals = strchr(value, '=');
    char *format = g_strndup(value, equals ? (gsize)(equals - value) : strlen(value));
    ReportFile *report;

    if (!equals || equals[1] == '\0' || !g_strv_contains(formats, format)) {
        g_free(format);
        return bad(error, option,
                   "FORMAT=FILE with text, markdown, json, junit, tap or html, and - for the "
                   "standard output",
                   value);
    }
    report = g_new(ReportFile, 1);
    *report = (ReportFile){ .format = format, .file = g_strdup(equals + 1) };
    g_ptr_array_add(o->reports, report);
    return TRUE;
}

static gboolean read_sweep(const char *option, const char *value, gpointer data, GError **error)
{
    Options *o = data;

    (void)option;
    (void)error;
    g_ptr_array_add(o->sweeps, g_strdup(value));
    return TRUE;
}

/* The tables. */

#define CALLBACK(f) G_OPTION_ARG_CALLBACK, ((gpointer)(f))

static void add_measure(GOptionGroup *group, Options *o)
{
    const GOptionEntry entries[] = {
        { "device", 0, 0, G_OPTION_ARG_FILENAME, &o->device,
          "run on this block device or file, whatever the jobs name", "PATH" },
        { "ram", 0, 0, CALLBACK(read_ram),
          "run on a device in memory that is made for it (" DEFAULT_RAM ")", "[SIZE]" },
        { "allow-write", 0, 0, G_OPTION_ARG_NONE, &o->allow_write,
          "let jobs that write overwrite --device", NULL },
        { "pairs", 0, 0, CALLBACK(read_pairs), "how often each arm runs (10)", "N" },
        { "seed", 0, 0, CALLBACK(read_seed), "of the order of runs (by chance)", "N" },
        { "hosts", 0, 0, G_OPTION_ARG_FILENAME, &o->hosts,
          "run on the fio servers in this file, one a line", "FILE" },
        { "syscalls", 0, 0, G_OPTION_ARG_NONE, &o->syscalls,
          "count system calls, in one more run of each arm", NULL },
        { "fio", 0, 0, G_OPTION_ARG_FILENAME, &o->fio, "the fio to run (fio)", "PATH" },
        { "qemu-img", 0, 0, G_OPTION_ARG_FILENAME, &o->qemu_img,
          "the qemu-img to run for an arm qemu-img (qemu-img)", "PATH" },
        { "revision", 0, 0, G_OPTION_ARG_STRING, &o->revision,
          "what is measured, for the set's name (git's, of the current folder)", "TEXT" },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };

    g_option_group_add_entries(group, entries);
}

/* The first two are shown; all letters are the same. */
static void add_arms(GOptionGroup *group, Options *o)
{
    static const char names[] = "a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p\0q\0r\0s\0t\0u\0v\0"
                                "w\0x\0y\0z";
    GOptionEntry entries[MOST_LETTERS + 1] = { 0 };
    const GOptionEntry others[] = {
        { "sweep", 0, 0, CALLBACK(read_sweep), "run with each value of an option", "NAME=V,V..." },
        { "self-check", 0, 0, G_OPTION_ARG_NONE, &o->self_check,
          "the first arm against itself: what this machine can show", NULL },
        { "calibrate", 0, 0, G_OPTION_ARG_NONE, &o->self_check, "the same as --self-check", NULL },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };

    for (int i = 0; i < MOST_LETTERS; i++) {
        entries[i] = (GOptionEntry){
            names + 2 * i,
            0,
            i < 3 ? 0 : G_OPTION_FLAG_HIDDEN,
            CALLBACK(read_arm),
            i == 0   ? "the engine that the others are compared with (libaio)"
            : i == 1 ? "an engine, or qemu-img, and its options"
                     : "another; --d to --z likewise",
            "ENGINE[,OPTION=VALUE...]",
        };
    }
    g_option_group_add_entries(group, entries);
    g_option_group_add_entries(group, others);
}

static void add_store(GOptionGroup *group, Options *o)
{
    const GOptionEntry entries[] = {
        { "results", 0, 0, G_OPTION_ARG_FILENAME, &o->results,
          "the folder of all stored runs (results)", "DIR" },
        { "suite", 0, 0, G_OPTION_ARG_STRING, &o->suite,
          "under which name they are stored (that of the first job file)", "NAME" },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };

    g_option_group_add_entries(group, entries);
}

static void add_judge(GOptionGroup *group, Options *o)
{
    const GOptionEntry entries[] = {
        { "band", 0, 0, CALLBACK(read_band), "what difference is none, in percent (2)", "PERCENT" },
        { "decide", 0, 0, CALLBACK(read_decide),
          "what the exit status is about (iops,lat-mean,cpu)", "METRIC,..." },
        { "fail-on", 0, 0, CALLBACK(read_fail_on),
          "which outcomes are failures: slower, cannot-tell, not-comparable (all)", "OUTCOME,..." },
        { "report", 0, 0, CALLBACK(read_report),
          "also write text, markdown, json, junit, tap or html", "FORMAT=FILE" },
        { "quiet", 0, 0, G_OPTION_ARG_NONE, &o->quiet, "no progress, and no table", NULL },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };

    g_option_group_add_entries(group, entries);
}

static void add_then(GOptionGroup *group, Options *o)
{
    const GOptionEntry entries[] = {
        { "across-hosts", 0, 0, G_OPTION_ARG_NONE, &o->across_hosts,
          "compare although machine, device or fio differ", NULL },
        { "arm", 0, 0, G_OPTION_ARG_STRING, &o->arm,
          "which arm of either set (all but the first, by name)", "THEN[:NOW]" },
        { NULL, 0, 0, 0, NULL, NULL, NULL },
    };

    g_option_group_add_entries(group, entries);
}

static GOptionContext *make_context(Options *o, const char *usage, const char *about, int groups)
{
    GOptionContext *context = g_option_context_new(usage);
    GOptionGroup *group = g_option_group_new("main", "", "", o, NULL);

    if (groups & OPTIONS_ARMS) {
        add_arms(group, o);
    }
    if (groups & OPTIONS_MEASURE) {
        add_measure(group, o);
    }
    if (groups & OPTIONS_STORE) {
        add_store(group, o);
    }
    if (groups & OPTIONS_JUDGE) {
        add_judge(group, o);
    }
    if (groups & OPTIONS_THEN) {
        add_then(group, o);
    }
    g_option_context_set_main_group(context, group);
    g_option_context_set_summary(context, about);
    return context;
}

/* "--ram" takes the size behind it if it is one, and no job file for one. */
static char **join_ram(char *const *argv)
{
    GPtrArray *joined = g_ptr_array_new();

    for (; *argv; argv++) {
        gboolean ram = g_str_equal(*argv, "--ram");
        gboolean size = ram && argv[1] && g_ascii_isdigit(*argv[1]);

        g_ptr_array_add(joined,
                        ram ? g_strconcat("--ram=", size ? argv[1] : "", NULL) : g_strdup(*argv));
        argv += size;
    }
    g_ptr_array_add(joined, NULL);
    return (char **)g_ptr_array_free(joined, FALSE);
}

static void report_file_free(ReportFile *report)
{
    g_free(report->format);
    g_free(report->file);
    g_free(report);
}

/* What was not said. GLib does not free what stood there before. */
static void set_defaults(Options *o)
{
    o->results = o->results ? o->results : g_strdup("results");
    o->fio = o->fio ? o->fio : g_strdup("fio");
    o->qemu_img = o->qemu_img ? o->qemu_img : g_strdup("qemu-img");
}

static Options *options_new(void)
{
    Options *o = g_new0(Options, 1);

    o->seed = -1;
    o->band = -1;
    o->fails[VERDICT_SLOWER] = o->fails[VERDICT_CANNOT_TELL] = TRUE;
    o->fails[VERDICT_NOT_COMPARABLE] = TRUE;
    o->sweeps = g_ptr_array_new_with_free_func(g_free);
    o->reports = g_ptr_array_new_with_free_func((GDestroyNotify)report_file_free);
    o->files = g_ptr_array_new_with_free_func(g_free);
    return o;
}

void options_free(Options *o)
{
    if (o) {
        for (int i = 0; i < MOST_LETTERS; i++) {
            g_free(o->arms[i]);
        }
        g_free(o->device);
        g_free(o->hosts);
        g_free(o->fio);
        g_free(o->qemu_img);
        g_free(o->results);
        g_free(o->suite);
        g_free(o->revision);
        g_free(o->arm);
        g_ptr_array_unref(o->sweeps);
        g_ptr_array_unref(o->reports);
        g_ptr_array_unref(o->files);
        g_free(o);
    }
}

/* Combinations that cannot be. */
static gboolean fit_together(const Options *o, GError **error)
{
    if (o->ram && o->device) {
        g_set_error(error, OPTIONS_ERROR, 0, "--ram makes a device, --device names one: say one");
        return FALSE;
    }
    if (o->hosts && (o->ram || o->device)) {
        g_set_error(error, OPTIONS_ERROR, 0,
                    "--hosts runs where the servers are: the job files name the device there, not "
                    "--device or --ram");
        return FALSE;
    }
    return TRUE;
}

Options *options_parse(char *const *argv, const char *usage, const char *about, int groups,
                       GError **error)
{
    Options *o = options_new();
    GOptionContext *context = make_context(o, usage, about, groups);
    char **rest = join_ram(argv);

    if (!g_option_context_parse_strv(context, &rest, error) || !fit_together(o, error)) {
        g_clear_pointer(&o, options_free);
    }
    for (int i = 1; o && rest[i]; i++) {
        if (!g_str_equal(rest[i], "--")) {
            g_ptr_array_add(o->files, g_strdup(rest[i]));
        }
    }
    if (o) {
        set_defaults(o);
    }
    g_strfreev(rest);
    g_option_context_free(context);
    return o;
}

JudgeOptions options_for_judge(const Options *o, const Suite *suite)
{
    JsonObject *command = json_object(suite->manifest, "command");
    double stored = command ? json_number(command, "band", default_band) : default_band;
    char **decides = command && !o->decide_said ? json_strings(command, "decide") : NULL;
    guint64 seed = 1;
    JudgeOptions judge = {
        .band = o->band >= 0 ? o->band : CLAMP(stored, 0, 0.5),
        .confidence = default_confidence,
        .same_library = o->self_check || (command && json_flag(command, "self_check", FALSE)),
    };

    json_uint(suite->manifest, "seed", G_MAXUINT32, &seed);
    judge.seed = seed;
    for (int i = 0; i < METRIC_COUNT; i++) {
        judge.decides[i] = o->decide_said ? o->decides[i]
                           : decides      ? g_strv_contains((const char **)decides, metrics[i].name)
                                          : FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(default_decides) && !o->decide_said && !decides; i++) {
        judge.decides[default_decides[i]] = true;
    }
    g_strfreev(decides);
    return judge;
}
