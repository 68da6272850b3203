/*
 * Writes everything that the library logs, and the messages of its errors, to the folder of
 * ZIGNSEC_TEST_CAPTURE. Another test searches these files for API keys and phone numbers.
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

static void ZS_CALL capture_log(int32_t level, const char *message, void *user_data) {
    (void)level;
    (void)user_data;
    capture(message);
}

/* Starts to write; the file is named after `program`. */
static inline void capture_start(const char *program) {
    const char *folder = getenv("ZIGNSEC_TEST_CAPTURE");
    char path[4096];
    if (folder != NULL &&
        snprintf(path, sizeof path, "%s/c-%s.log", folder, program) < (int)sizeof path) {
        captured = fopen(path, "a");
        zs_set_log_callback(ZS_LOG_TRACE, capture_log, NULL);
    }
}

#endif
