/* A host that calls itself fio of another version, loads an engine as fio does and tells whether it
 * got one. SPDX-License-Identifier: GPL-2.0-or-later */

#include <dlfcn.h>
#include <stdio.h>

/* What fio exports its version as. Link with -rdynamic. */
extern const char fio_version_string[];
const char fio_version_string[] = "fio-0.0-elsewhere";

/* A function of fio's that the engine's table points at: wanted when the library is loaded, not
 * when it is called. */
extern void generic_get_file_size(void);

void generic_get_file_size(void)
{
}

/* usage: fake-fio ENGINE.so. Exits 0 when it got no engine, 3 when it did, 2 when the library
 * cannot be loaded. */
int main(int argc, char **argv)
{
    void *library = argc == 2 ? dlopen(argv[1], RTLD_LAZY) : NULL;
    void (*get_ioengine)(void **) = NULL;
    void *engine = NULL;

    if (library)
        *(void **)&get_ioengine = dlsym(library, "get_ioengine");
    if (!get_ioengine) {
        fprintf(stderr, "fake-fio: %s\n", argc == 2 ? dlerror() : "usage: fake-fio ENGINE.so");
        return 2;
    }
    get_ioengine(&engine);
    return engine ? 3 : 0;
}
