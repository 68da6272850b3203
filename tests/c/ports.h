/* Loopback ports that accept no connection: silent, full, or refusing. */
#ifndef TESTS_PORTS_H
#define TESTS_PORTS_H

#include "portable.h"

#include <stdio.h>
#include <stdlib.h>

enum { WAITING = 8 };

/* A port, and the connections that fill its queue. */
typedef struct port {
    socket_handle listener, waiting[WAITING];
    int number;
} port;

static inline socket_handle new_socket(void) {
    const socket_handle handle = socket(AF_INET, SOCK_STREAM, 0);
    set_nonblocking(handle);
    return handle;
}

/* `queue`: how many connections the port queues, without accepting any; -1: it refuses all. */
static inline port port_open(int queue) {
    port own = {new_socket(), {0}, 0};
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    if (bind(own.listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        (queue >= 0 && listen(own.listener, queue) != 0) ||
        getsockname(own.listener, (struct sockaddr *)&address, &length) != 0) {
        perror("port_open");
        exit(2);
    }
    own.number = ntohs(address.sin_port);
    for (int at = 0; at < WAITING; at++) {
        own.waiting[at] = NO_SOCKET;
        if (queue == 0) {
            own.waiting[at] = new_socket();
            (void)connect(own.waiting[at], (struct sockaddr *)&address, sizeof address);
        }
    }
    return own;
}

/* The number of connections that were opened. */
static inline int port_connections(const port *own) {
    int count = 0;
    for (socket_handle each; (each = accept(own->listener, NULL, NULL)) != NO_SOCKET; count++) {
        close_socket(each);
    }
    return count;
}

static inline void port_close(const port *own) {
    close_socket(own->listener);
    for (int at = 0; at < WAITING; at++) {
        if (own->waiting[at] != NO_SOCKET) {
            close_socket(own->waiting[at]);
        }
    }
}

#endif
