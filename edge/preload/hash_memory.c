/*
 * Memory for password hashes, kept from one hash to the next (hash_memory.h). libsodium maps it
 * anew for each and gives it back, and what the kernel does for that, clearing it page by page
 * under the lock of an address space that the event loop shares, takes longer than the hash itself.
 *
 * A library of its own, which the launcher has loaded before libsodium (LD_PRELOAD), so that
 * libsodium's mmap and munmap are these. They keep a mapping only on a thread that has said so, and
 * pass on everything else as it came.
 */
#include "preload/hash_memory.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

struct mapping {
	void *at; /* NULL: none */
	size_t size;
	bool taken;
};

static _Thread_local struct mapping kept;
static _Thread_local bool keeping;

EXPORTED void
hash_memory_keep(bool on)
{
	keeping = on;
}

EXPORTED void
hash_memory_release(void)
{
	if (kept.at != NULL && !kept.taken && syscall(SYS_munmap, kept.at, kept.size) == 0)
		kept = (struct mapping){.at = NULL};
}

EXPORTED void *
mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset)
{
	void *mapped;
	bool to_be_kept = keeping && !kept.taken && at == NULL && fd == -1 &&
			  (flags & MAP_ANONYMOUS) && (flags & MAP_PRIVATE) &&
			  protection == (PROT_READ | PROT_WRITE);

	if (to_be_kept && kept.at != NULL && kept.size == size) {
		kept.taken = true;
		return kept.at;
	}
	if (to_be_kept)
		hash_memory_release(); /* of another size: the parameters differ */
	mapped = (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
	if (to_be_kept && mapped != MAP_FAILED &&
	    syscall(SYS_madvise, mapped, size, MADV_DONTDUMP) == 0)
		kept = (struct mapping){.at = mapped, .size = size, .taken = true};
	return mapped;
}

/* Wiped, since the kernel no longer does it: what is left could verify guesses of a password. */
EXPORTED int
munmap(void *at, size_t size)
{
	if (!kept.taken || at != kept.at || size != kept.size)
		return (int)syscall(SYS_munmap, at, size);
	explicit_bzero(at, size);
	kept.taken = false;
	return 0;
}
