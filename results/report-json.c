/*
 * A judgement for programs: docs/qaio-compare-json.md describes it.
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * JSON has no numbers that are none: what is not known is null. Numbers of 64 bits go as they are,
 * the seed as a string, because it may use all of them.
 */
#include "report.h"
#include "report-words.h"
#include <math.h>

#define SCHEMA_VERSION 1

static void add_name(JsonBuilder *b, const char *name)
{
    json_builder_set_member_name(b, name);
}

/* A string, valid whatever it was. */
static void add_text(JsonBuilder *b, gconstpointer text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    json_builder_add_string_value(b, valid);
}

/* The same as a member; null for NULL. */
static void add_string(JsonBuilder *b, const char *name, const char *value)
{
    add_name(b, name);
    if (value) {
        add_text(b, value);
    } else {
        json_builder_add_null_value(b);
    }
}

static void add_number(JsonBuilder *b, const char *name, double value)
{
    add_name(b, name);
    if (isfinite(value)) {
        json_builder_add_double_value(b, value);
    } else {
        json_builder_add_null_value(b);
    }
}

static void add_int(JsonBuilder *b, const char *name, guint64 value)
{
    add_name(b, name);
    json_builder_add_int_value(b, MIN(value, G_MAXINT64));
}

static void add_bool(JsonBuilder *b, const char *name, bool value)
{
    add_name(b, name);
    json_builder_add_boolean_value(b, value);
}

static void add_strings(JsonBuilder *b, const char *name, char *const *values)
{
    add_name(b, name);
    json_builder_begin_array(b);
    for (guint i = 0; values && values[i]; i++) {
        add_text(b, values[i]);
    }
    json_builder_end_array(b);
}

typedef void AddItem(JsonBuilder *b, gconstpointer item);

static void add_list(JsonBuilder *b, const char *name, const GPtrArray *items, AddItem *add_item)
{
    add_name(b, name);
    json_builder_begin_array(b);
    for (guint i = 0; i < items->len; i++) {
        add_item(b, g_ptr_array_index(items, i));
    }
    json_builder_end_array(b);
}

static void add_options(JsonBuilder *b, const JudgeOptions *o)
{
    g_autofree char *seed = g_strdup_printf("%" G_GUINT64_FORMAT, o->seed);

    add_name(b, "options");
    json_builder_begin_object(b);
    add_number(b, "band", o->band);
    add_number(b, "confidence", o->confidence);
    add_string(b, "seed", seed);
    add_name(b, "decides");
    json_builder_begin_array(b);
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (o->decides[m]) {
            json_builder_add_string_value(b, metrics[m].name);
        }
    }
    json_builder_end_array(b);
    add_bool(b, "same_library", o->same_library);
    json_builder_end_object(b);
}

static void add_arm(JsonBuilder *b, gconstpointer item)
{
    const Arm *arm = item;

    json_builder_begin_object(b);
    add_string(b, "name", arm->name);
    add_string(b, "spec", arm->spec);
    add_string(b, "kind", arm->kind == ARM_FIO ? "fio" : "qemu-img");
    add_string(b, "engine", arm->engine);
    add_strings(b, "options", arm->options);
    json_builder_end_object(b);
}

static void add_case(JsonBuilder *b, gconstpointer item)
{
    const Case *kase = item;

    json_builder_begin_object(b);
    add_string(b, "name", kase->name);
    add_string(b, "job_file", kase->job_file);
    add_strings(b, "options", kase->options);
    json_builder_end_object(b);
}

static void add_figures(JsonBuilder *b, const Comparison *c)
{
    add_number(b, "base", c->base);
    add_number(b, "value", c->value);
    add_number(b, "ratio", c->ratio);
    add_number(b, "low", c->low);
    add_number(b, "high", c->high);
    add_number(b, "p", c->p);
    add_number(b, "p_holm", c->p_holm);
    add_number(b, "smallest", c->smallest);
    if (c->pairs_needed) {
        add_int(b, "pairs_needed", c->pairs_needed);
    } else {
        add_number(b, "pairs_needed", NAN);
    }
}

static void add_comparison(JsonBuilder *b, gconstpointer item)
{
    const Comparison *c = item;

    json_builder_begin_object(b);
    add_int(b, "case", c->kase);
    add_int(b, "arm", c->arm);
    add_string(b, "job", c->job);
    add_string(b, "host", c->host);
    add_string(b, "metric", metrics[c->metric].name);
    add_bool(b, "more_is_better", metrics[c->metric].more_is_better);
    add_int(b, "pairs", c->pairs);
    add_figures(b, c);
    add_bool(b, "decides", c->decides);
    add_string(b, "verdict", verdict_name(c->verdict));
    json_builder_end_object(b);
}

static void add_obstacle(JsonBuilder *b, gconstpointer item)
{
    const Obstacle *o = item;

    json_builder_begin_object(b);
    add_int(b, "case", o->kase);
    add_int(b, "arm", o->arm);
    add_string(b, "reason", o->reason);
    json_builder_end_object(b);
}

static void add_sample(JsonBuilder *b, gconstpointer item)
{
    const Sample *s = item;

    json_builder_begin_object(b);
    add_string(b, "job", s->job);
    add_string(b, "host", s->host);
    add_int(b, "ios", s->ios);
    add_int(b, "bytes", s->bytes);
    add_int(b, "errors", s->errors);
    add_int(b, "short_ios", s->short_ios);
    add_int(b, "dropped_ios", s->dropped_ios);
    add_bool(b, "time_based", s->time_based);
    add_name(b, "values");
    json_builder_begin_object(b);
    for (int m = 0; m < METRIC_COUNT; m++) {
        add_number(b, metrics[m].name, s->value[m]);
    }
    json_builder_end_object(b);
    json_builder_end_object(b);
}

static void add_run(JsonBuilder *b, gconstpointer item)
{
    const Run *run = item;

    json_builder_begin_object(b);
    add_int(b, "arm", run->arm);
    add_int(b, "case", run->kase);
    add_int(b, "round", run->round);
    add_int(b, "order", run->order);
    add_int(b, "started", MAX(run->started, 0));
    add_number(b, "seconds", run->seconds);
    add_string(b, "file", run->file);
    add_string(b, "problem", run->problem);
    add_list(b, "samples", run->samples, add_sample);
    json_builder_end_object(b);
}

static void add_manifest(JsonBuilder *b, JsonObject *manifest)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);

    json_node_set_object(node, manifest);
    add_name(b, "manifest");
    json_builder_add_value(b, node);
}

static void add_all(JsonBuilder *b, const Judgement *judgement)
{
    const Suite *suite = judgement->suite;
    g_autofree char *headline = words_headline(judgement);

    json_builder_begin_object(b);
    add_int(b, "schema", SCHEMA_VERSION);
    add_string(b, "suite", suite->name);
    add_string(b, "outcome", verdict_name(judgement->outcome));
    add_string(b, "headline", headline);
    add_bool(b, "interrupted", suite->interrupted);
    add_int(b, "rounds", suite->rounds);
    add_options(b, &judgement->options);
    add_list(b, "arms", suite->arms, add_arm);
    add_list(b, "cases", suite->cases, add_case);
    add_list(b, "comparisons", judgement->comparisons, add_comparison);
    add_list(b, "obstacles", judgement->obstacles, add_obstacle);
    add_list(b, "notes", judgement->notes, add_text);
    add_list(b, "runs", suite->runs, add_run);
    add_manifest(b, suite->manifest);
    json_builder_end_object(b);
}

void report_json(const Judgement *judgement, GString *out)
{
    g_autoptr(JsonBuilder) builder = json_builder_new();
    g_autoptr(JsonGenerator) generator = json_generator_new();
    g_autofree char *text = NULL;
    JsonNode *root;

    add_all(builder, judgement);
    root = json_builder_get_root(builder);
    json_generator_set_pretty(generator, TRUE);
    json_generator_set_root(generator, root);
    text = json_generator_to_data(generator, NULL);
    g_string_append(out, text);
    g_string_append_c(out, '\n');
    json_node_unref(root);
}
