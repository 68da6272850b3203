/* A program that is not linked with the library: runs main() of a test that was built as a shared
 * object, and that brings the library with it. plugin FILE */
#define _POSIX_C_SOURCE 200809L

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    void *plugin = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    void *found = plugin == NULL ? NULL : dlsym(plugin, "main");
    if (found == NULL) {
        fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "usage: plugin FILE");
        return 2;
    }
    int (*run)(void);
    memcpy(&run, &found, sizeof run);
    return run();
}
