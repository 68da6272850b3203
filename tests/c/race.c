/* Two threads write one pointer to an error without a lock: a race that tsan.sh must see. */
#include "zignsec.h"

#include <pthread.h>
#include <stddef.h>

static zs_error *shared;

static void *write_shared(void *unused) {
    (void)unused;
    zs_session *session = NULL;
    (void)zs_get_session(NULL, "a", &session, &shared);
    return NULL;
}

int main(void) {
    pthread_t threads[2];
    for (int at = 0; at < 2; at++) {
        pthread_create(&threads[at], NULL, write_shared, NULL);
    }
    for (int at = 0; at < 2; at++) {
        pthread_join(threads[at], NULL);
    }
    zs_error_free(shared);
    return 0;
}
