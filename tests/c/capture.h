/*
 * Keeps everything that the library logs, and the texts of its errors, in the folder of
 * ZIGNSEC_TEST_CAPTURE: to be searched for what must not be there.
 */
#ifndef TESTS_CAPTURE_H
#define TESTS_CAPTURE_H

#include "zignsec.h"

#include <stdio.h>
#include <stdlib.h>

static FILE *captured;

static inline void capture(const char *text) {
    if (captured != NULL && text != NULL) {
        fprintf(captured, "%s\n", text);
        fflush(captured);
    }
}

static void capture_log(int32_t level, const char *message, void *user_data) {
    (void)level;
    (void)user_data;
    capture(message);
}

/* Starts; `program` names the file. */
static inline void capture_start(const char *program) {
    const char *folder = getenv("ZIGNSEC_TEST_CAPTURE");
    char path[4096];
    if (folder != NULL &&
        snprintf(path, sizeof path, "%s/c-%s.log", folder, program) < (int)sizeof path) {
        captured = fopen(path, "a");
        zs_set_log_callback(5, capture_log, NULL);
    }
}

#endif
