/*
 * What POSIX and Windows call differently, for the tests that run on both. Threads, semaphores and
 * clocks are those of POSIX: MinGW-w64 has them too.
 */
#ifndef TESTS_PORTABLE_H
#define TESTS_PORTABLE_H

#ifdef _WIN32

/* windows.h must not include the first version of Winsock. */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <stdlib.h>
#include <windows.h>

typedef SOCKET socket_handle;
#define NO_SOCKET INVALID_SOCKET
#define FOLDER_END '\\'

static inline void start_sockets(void) {
    WSADATA data;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) {
        exit(2);
    }
}

static inline void close_socket(socket_handle handle) {
    closesocket(handle);
}

static inline void set_nonblocking(socket_handle handle) {
    u_long on = 1;
    ioctlsocket(handle, FIONBIO, &on);
}

/* In UTF-8. The C library would take the text for one in the code page of the system. */
static inline void set_variable(const char *name, const char *value) {
    wchar_t wide_name[256], wide_value[1024];
    MultiByteToWideChar(CP_UTF8, 0, name, -1, wide_name, 256);
    if (value != NULL) {
        MultiByteToWideChar(CP_UTF8, 0, value, -1, wide_value, 1024);
    }
    SetEnvironmentVariableW(wide_name, value == NULL ? NULL : wide_value);
}

static inline void unset_variable(const char *name) {
    set_variable(name, NULL);
}

#else

#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

typedef int socket_handle;
#define NO_SOCKET (-1)
#define FOLDER_END '/'

static inline void start_sockets(void) {
}

static inline void close_socket(socket_handle handle) {
    close(handle);
}

static inline void set_nonblocking(socket_handle handle) {
    fcntl(handle, F_SETFL, O_NONBLOCK);
}

static inline void set_variable(const char *name, const char *value) {
    setenv(name, value, 1);
}

static inline void unset_variable(const char *name) {
    unsetenv(name);
}

#endif

#include <string.h>
#include <time.h>

/* The loopback address; all tests listen there. */
static inline struct sockaddr_in loopback(int number) {
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons((unsigned short)number);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static inline double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static inline void sleep_ms(int ms) {
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

#endif
