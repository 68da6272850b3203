/* The shared cases of tests/vectors, and checks that print the name of their case. */
#ifndef TESTS_CASES_H
#define TESTS_CASES_H

#include "check.h"
#include "zignsec.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void check(int condition, const char *name, const char *what) {
    checks++;
    if (!condition) {
        failures++;
        fprintf(stderr, "FAILED  %s: %s\n", name, what);
    }
}

static inline cJSON *read_cases(const char *file) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", getenv("ZIGNSEC_TEST_VECTORS"), file);
    FILE *input = fopen(path, "rb");
    if (input == NULL) {
        perror(path);
        exit(2);
    }
    static char text[1 << 20];
    text[fread(text, 1, sizeof text - 1, input)] = '\0';
    fclose(input);
    cJSON *cases = cJSON_Parse(text);
    if (!cJSON_IsArray(cases)) {
        fprintf(stderr, "%s: not an array\n", path);
        exit(2);
    }
    return cases;
}

static inline const char *text_of(const cJSON *object, const char *name) {
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* Writes the bytes of a hexadecimal text and a NUL to `bytes`. */
static inline void decode_hex(const char *hex, char *bytes) {
    const size_t length = strlen(hex) / 2;
    for (size_t at = 0; at < length; at++) {
        unsigned byte;
        sscanf(hex + 2 * at, "%2x", &byte);
        bytes[at] = (char)byte;
    }
    bytes[length] = '\0';
}

static inline int number_of(const cJSON *object, const char *name) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return item == NULL ? 0 : item->valueint;
}

static inline int flag_of(const cJSON *object, const char *name) {
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* The zs_result of an error kind. */
static inline int32_t code_of(const cJSON *kinds, const char *kind) {
    const cJSON *each;
    cJSON_ArrayForEach(each, kinds) {
        if (strcmp(text_of(each, "kind"), kind) == 0) {
            return number_of(each, "code");
        }
    }
    fprintf(stderr, "unknown kind %s\n", kind);
    exit(2);
}

/* Whether a number is the zs_status with a name in lower case. */
static inline int has_status(int32_t number, const char *word) {
    char status[64] = "ZS_STATUS_";
    for (size_t at = 0; word[at] != '\0'; at++) {
        status[10 + at] = (char)(word[at] & ~0x20);
    }
    return strcmp(zs_status_name(number), status) == 0;
}

#endif
