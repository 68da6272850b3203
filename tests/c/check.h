/* Counts checks, for programs in C and C++. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdio.h>
#include <stdlib.h>

static int checks, failures;

#define CHECK(condition) \
    do { \
        checks++; \
        if (!(condition)) { \
            failures++; \
            fprintf(stderr, "FAILED  %s:%d: %s\n", __FILE__, __LINE__, #condition); \
        } \
    } while (0)

/* Names a test that does not run on this system. */
static inline void skip(const char *name, const char *why) {
    printf("skipped: %s: %s\n", name, why);
}

/* Whether QEMU runs this program: then everything takes much longer. */
static inline int is_emulated(void) {
    const char *const emulator = getenv("ZIGNSEC_EMULATE");
    return emulator != NULL && *emulator != '\0';
}

/* Prints the counts and returns the exit status. */
static int report(const char *name) {
    printf("%s: %d passed, %d failed\n", name, checks - failures, failures);
    return failures != 0;
}

#endif
