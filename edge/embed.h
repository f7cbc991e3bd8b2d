/*
 * Files in the binary: EMBED(name, "mail/templates/layout.html") makes name and name_end. The
 * assembler reads them, by the include path of the compiler.
 */
#ifndef MANA_EMBED_H
#define MANA_EMBED_H

#include "str.h"

#define EMBED(symbol, path)                                                                        \
	__asm__(".pushsection .rodata\n.hidden " #symbol "\n.globl " #symbol "\n" #symbol          \
		":\n.incbin \"" path "\"\n.hidden " #symbol "_end\n.globl " #symbol                \
		"_end\n" #symbol "_end:\n.byte 0\n.popsection\n");                                 \
	extern const char symbol[], symbol##_end[]

/* Both ends, for tables: the length is known to the linker only. */
struct embedded {
	const char *from, *to;
};

#define EMBEDDED(symbol)                                                                           \
	{                                                                                          \
		symbol, symbol##_end                                                               \
	}

static inline struct str
embedded_text(struct embedded file)
{
	return (struct str){.p = file.from, .len = (size_t)(file.to - file.from)};
}

#endif
