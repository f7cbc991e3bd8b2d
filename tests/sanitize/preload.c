/*
 * Preloaded with AddressSanitizer's runtime into PostgreSQL's programs. The runtime starts at the
 * first malloc(), which is inside newlocale() (a constructor of libp11-kit) while glibc holds its
 * locale lock for writing. There it looks for swift_demangle() and, if that is missing, calls
 * dlerror(), whose translation releases the lock for reading that it could not take (EDEADLK). The
 * next setlocale() or bindtextdomain() then waits for ever. With the symbol there is no error.
 */
#include <stddef.h>

char *swift_demangle(const char *name, size_t length, char *out, size_t *out_size, unsigned flags);

char *
swift_demangle(const char *name, size_t length, char *out, size_t *out_size, unsigned flags)
{
	(void)name;
	(void)length;
	(void)out;
	(void)out_size;
	(void)flags;
	return NULL;
}
