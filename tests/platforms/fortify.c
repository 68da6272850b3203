/* Functions of glibc that Debian's libunwind.a calls, for programs that are linked with musl. */
#include <stdarg.h>
#include <stdio.h>

int __vfprintf_chk(FILE *file, int flag, const char *format, va_list arguments);
int __vsnprintf_chk(char *text, size_t size, int flag, size_t limit, const char *format,
                    va_list arguments);

int __vfprintf_chk(FILE *file, int flag, const char *format, va_list arguments)
{
    (void)flag;
    return vfprintf(file, format, arguments);
}

int __vsnprintf_chk(char *text, size_t size, int flag, size_t limit, const char *format,
                    va_list arguments)
{
    (void)flag;
    (void)limit;
    return vsnprintf(text, size, format, arguments);
}
