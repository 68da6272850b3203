/*
 * Threads for calls of a library without optimization: a deep response takes more stack there than
 * the 128 KiB that a thread has with musl by default.
 */
#ifndef TESTS_STACK_H
#define TESTS_STACK_H

#include <pthread.h>

static int start_thread(pthread_t *thread, void *(*run)(void *), void *argument) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1024 * 1024);
    int result = pthread_create(thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    return result;
}

#endif
