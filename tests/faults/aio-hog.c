/* Holds kernel AIO contexts, so that fewer than a wanted number of events are left under
 * fs.aio-max-nr. SPDX-License-Identifier: GPL-2.0-or-later */

#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STEP = 4096 };

static long number_in(const char *path)
{
    FILE *file = fopen(path, "r");
    long number = -1;

    if (file && fscanf(file, "%ld", &number) != 1)
        number = -1;
    if (file)
        fclose(file);
    return number;
}

static long events_left(void)
{
    return number_in("/proc/sys/fs/aio-max-nr") - number_in("/proc/sys/fs/aio-nr");
}

/* usage: aio-hog WANTED. Prints how many events are left, holds the rest until standard input ends.
 */
int main(int argc, char **argv)
{
    long wanted = argc == 2 ? atol(argv[1]) : 0;
    char byte;

    if (wanted <= 0)
        return 2;
    while (events_left() >= wanted) {
        aio_context_t context = 0;

        if (syscall(SYS_io_setup, STEP, &context) < 0)
            return 1;
    }
    printf("%ld\n", events_left());
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
    return 0;
}
