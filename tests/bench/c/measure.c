/*
 * Measures a client in C: PROGRAM URL CA_FILE calls get|post WARM_UP COUNT
 * The measurement and its output are the same as in src/measure.rs.
 */
#define _POSIX_C_SOURCE 200809L

#include "client.h"

#include <stdint.h>
#include <time.h>

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static unsigned long peak_kib(void) {
    FILE *file = fopen("/proc/self/status", "r");
    expect(file != NULL, "/proc/self/status");
    char line[256];
    unsigned long kib = 0;
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "VmHWM: %lu", &kib) != 1) {
    }
    fclose(file);
    return kib;
}

static int ascending(const void *a, const void *b) {
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static void call(const char *method) {
    if (strcmp(method, "get") == 0) {
        client_get(ID);
    } else {
        client_post();
    }
}

int main(int argc, char **argv) {
    expect(argc == 7 && strcmp(argv[3], "calls") == 0, "usage");
    const char *method = argv[4];
    const unsigned long warm_up = strtoul(argv[5], NULL, 10), count = strtoul(argv[6], NULL, 10);
    client_open(argv[1], argv[2]);
    for (unsigned long i = 0; i < warm_up; i++) {
        call(method);
    }
    if (count == 0) {
        printf("{\"peak_kib\": %lu}\n", peak_kib());
        client_close();
        return 0;
    }
    uint64_t *times = malloc(count * sizeof *times);
    expect(times != NULL, "memory");
    const uint64_t cpu = now(CLOCK_PROCESS_CPUTIME_ID);
    for (unsigned long i = 0; i < count; i++) {
        const uint64_t started = now(CLOCK_MONOTONIC);
        call(method);
        times[i] = now(CLOCK_MONOTONIC) - started;
    }
    const uint64_t cpu_ns = (now(CLOCK_PROCESS_CPUTIME_ID) - cpu) / count;
    qsort(times, count, sizeof *times, ascending);
    printf("{\"wall_ns\": %llu, \"cpu_ns\": %llu}\n", (unsigned long long)times[count / 2],
           (unsigned long long)cpu_ns);
    free(times);
    client_close();
    return 0;
}
