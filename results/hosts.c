/*
 * The machines that run the jobs: their file, fio's command line, and whether each ran all jobs.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hosts.h"
#include <stdbool.h>
#include <string.h>
#include "text.h"
#include "untrusted-json.h"

/* fio's default. */
#define PORT 8765

#define MAX_SAID 300

typedef struct Host {
    char *name;
    guint64 port;
    char *label;
} Host;

struct Hosts {
    GPtrArray *hosts; /* Host *, in the file's order */
};

G_DEFINE_QUARK(qaio - hosts - error, hosts_error)

static void host_free(Host *host)
{
    g_free(host->name);
    g_free(host->label);
    g_free(host);
}

void hosts_free(Hosts *hosts)
{
    if (hosts) {
        g_ptr_array_unref(hosts->hosts);
        g_free(hosts);
    }
}

static bool is_ipv6(const char *name)
{
    return strchr(name, ':');
}

char *hosts_label(const char *name, guint64 port)
{
    return g_strdup_printf(is_ipv6(name) ? "[%s]:%" G_GUINT64_FORMAT : "%s:%" G_GUINT64_FORMAT,
                           name, port);
}

static bool is_name(const char *text)
{
    for (const char *p = text; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr(".-_:%", *p)) {
            return false;
        }
    }
    return g_ascii_isalnum(*text) || g_str_has_prefix(text, "::");
}

/* Where the port begins in @text, which is cut before it; NULL when it has none. A lone colon
 * begins it, several are an IPv6 address, which brackets may enclose. */
static char *cut_port(char *text)
{
    char *port = strchr(text, ','), *bracket = strchr(text, ']');

    if (!port && bracket) {
        port = bracket[1] == ':' ? bracket + 1 : NULL;
    } else if (!port && strchr(text, ':') == strrchr(text, ':')) {
        port = strchr(text, ':');
    }
    if (port) {
        *port++ = '\0';
    }
    return port;
}

/* The server that @line names; NULL when it is none. */
static Host *parse_host(const char *line)
{
    g_autofree char *text = g_strdup(line);
    char *port = cut_port(text), *name = text;
    gsize length = strlen(name);
    guint64 number = PORT;
    Host *host;

    if (*name == '[' && name[length - 1] == ']') {
        name[length - 1] = '\0';
        name++;
    }
    if (!is_name(name) ||
        (port && !g_ascii_string_to_unsigned(g_strstrip(port), 10, 1, 65535, &number, NULL))) {
        return NULL;
    }
    host = g_new0(Host, 1);
    host->name = g_strdup(name);
    host->port = number;
    host->label = hosts_label(name, number);
    return host;
}

static bool has_label(const Hosts *hosts, const char *label)
{
    for (guint i = 0; i < hosts->hosts->len; i++) {
        if (g_str_equal(((Host *)hosts->hosts->pdata[i])->label, label)) {
            return true;
        }
    }
    return false;
}

/* Adds what @line, which is changed, names; false and @error when it cannot. */
static bool add_line(Hosts *hosts, char *line, GError **error)
{
    g_autofree char *shown = NULL;
    Host *host;

    line[strcspn(line, "#")] = '\0';
    g_strstrip(line);
    if (!*line) {
        return true;
    }
    shown = text_one_line(line, strlen(line), 80);
    host = parse_host(line);
    if (!host) {
        g_set_error(error, HOSTS_ERROR, 0,
                    "'%s' is no server: HOST, HOST:PORT or [IPV6]:PORT, one on a line", shown);
        return false;
    }
    if (has_label(hosts, host->label)) {
        g_set_error(error, HOSTS_ERROR, 0, "%s is there twice", host->label);
        host_free(host);
        return false;
    }
    g_ptr_array_add(hosts->hosts, host);
    return true;
}

static bool add_lines(Hosts *hosts, const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);

    for (char **line = lines; *line; line++) {
        if (!add_line(hosts, *line, error)) {
            return false;
        }
    }
    if (hosts->hosts->len == 0) {
        g_set_error(error, HOSTS_ERROR, 0, "it names no server: HOST or HOST:PORT, one on a line");
        return false;
    }
    return true;
}

Hosts *hosts_read(const char *path, GError **error)
{
    gsize length;
    g_autofree char *text = untrusted_json_text(path, &length, error);
    Hosts *hosts = g_new0(Hosts, 1);

    hosts->hosts = g_ptr_array_new_with_free_func((GDestroyNotify)host_free);
    if (!text || !add_lines(hosts, text, error)) {
        g_prefix_error(error, "--hosts %s: ", path);
        hosts_free(hosts);
        return NULL;
    }
    return hosts;
}

char **hosts_arguments(const Hosts *hosts, const char *job_file)
{
    GPtrArray *arguments = g_ptr_array_new();

    for (guint i = 0; i < hosts->hosts->len; i++) {
        const Host *host = hosts->hosts->pdata[i];

        g_ptr_array_add(arguments,
                        g_strdup_printf("--client=%s%s,%" G_GUINT64_FORMAT,
                                        is_ipv6(host->name) ? "ip6:" : "", host->name, host->port));
        g_ptr_array_add(arguments, g_strdup(job_file));
    }
    g_ptr_array_add(arguments, NULL);
    return (char **)g_ptr_array_free(arguments, FALSE);
}

gboolean hosts_fit(const Suite *suite, GError **error)
{
    for (guint i = 0; i < suite->arms->len; i++) {
        const Arm *arm = suite->arms->pdata[i];

        if (arm->kind != ARM_FIO) {
            g_set_error(error, HOSTS_ERROR, 0,
                        "arm %s: qemu-img cannot run on --hosts, only fio's engines can",
                        arm->name);
            return FALSE;
        }
    }
    return TRUE;
}

static bool has_sample(const GPtrArray *samples, const char *job, const char *host)
{
    for (guint i = 0; i < samples->len; i++) {
        const Sample *sample = samples->pdata[i];

        if (g_str_equal(sample->job, job) && g_strcmp0(sample->host, host) == 0) {
            return true;
        }
    }
    return false;
}

/* "HOST did not run JOB" for each of them, joined; "" when there is none. */
static GString *find_missing(const Hosts *hosts, const GPtrArray *samples)
{
    g_autoptr(GHashTable) jobs = g_hash_table_new(g_str_hash, g_str_equal);
    GString *missing = g_string_new(NULL);

    for (guint i = 0; i < samples->len; i++) {
        const char *job = ((Sample *)samples->pdata[i])->job;

        for (guint k = 0; k < hosts->hosts->len && !g_hash_table_contains(jobs, job); k++) {
            const char *host = ((Host *)hosts->hosts->pdata[k])->label;

            if (!has_sample(samples, job, host)) {
                g_string_append_printf(missing, "%s%s did not run %s", missing->len ? ", " : "",
                                       host, job);
            }
        }
        g_hash_table_add(jobs, (gpointer)job);
    }
    return missing;
}

/* What fio said of it in @output, on one line: "<server> fio: ..." what a server's said, "client:
 * host=... disconnected" ours. */
static char *find_said(const char *output)
{
    gsize length;
    g_autofree char *text = untrusted_json_text(output, &length, NULL);
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    GString *said = g_string_new(NULL);
    char *line;

    for (char **p = lines; *p && **p != '{'; p++) {
        char *server = **p == '<' ? strstr(*p, "> fio: ") : NULL;

        if (server || g_str_has_prefix(*p, "client: ")) {
            g_string_append_printf(said, "%s\n", server ? server + strlen("> fio: ") : *p);
        }
    }
    line = text_one_line(said->str, said->len, MAX_SAID);
    g_string_free(said, TRUE);
    return line;
}

char *hosts_problem(const Hosts *hosts, const GPtrArray *samples, const char *output)
{
    GString *missing = find_missing(hosts, samples);
    g_autofree char *said = missing->len ? find_said(output) : NULL;

    if (said) {
        g_string_append_printf(missing, ": %s", *said ? said : "is fio --server running there?");
    }
    return g_string_free(missing, missing->len == 0);
}
