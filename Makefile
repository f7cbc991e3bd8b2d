# mana-auth: what a person types. Each part has a Makefile of its own; this one only calls them in order.
#
#   make run      the whole service on http://localhost:3001, with its own database and a mail catcher
#   make test     every test there is; ends with one line `N passed, N failed`
#   make lint     format, who includes whom, warnings, scripts        make format   let clang-format write
#   make fuzz     every parser for SECONDS (60)                        make bench    requests a second, as a table
#   make sanitize  regress/ with the extension under ASan and UBSan     make valgrind   the same under valgrind (slow)
#   make attack   attacks over HTTP on a stack of its own, or on the installation at URL
#   make faults   200 erasures while every service involved dies at random
#   make routes   the public API as Markdown                           make config   the environment as Markdown
#   make build    common/, extension/, edge/                           make install  the same, into DESTDIR
#   make clean    what was built; the data of `make run` stays         make distclean  that too

.DEFAULT_GOAL := build
.PHONY: run test lint format fuzz sanitize valgrind bench attack faults routes config build stage packages secrets install clean distclean

SECONDS_EACH = $(or $(SECONDS),60)
PARTS        = common extension edge

run: stage
	@exec tests/stack/stack run

test: stage
	@tests/run

lint: stage
	@tests/run lint

fuzz: packages
	@$(MAKE) --no-print-directory -C tests/fuzz check SECONDS=$(SECONDS_EACH)

sanitize: packages
	@tests/sanitize/run $(STORIES)

valgrind: packages
	@tests/sanitize/run --valgrind $(STORIES)

bench: stage
	@SECONDS_EACH=$(or $(SECONDS),3) tests/bench/run

attack: stage
	@tests/attack/run $(URL)

faults: stage
	@ERASURES=$(or $(ERASURES),200) tests/integration/run erasure_faults

format:
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i

routes config: build
	@build/mana-auth-edge $@

build: packages
	@for part in $(PARTS); do echo "building $$part"; $(MAKE) -s --no-print-directory -C $$part || exit; done

# The extension where the private clusters of tests/stack look for it.
stage: build
	@$(MAKE) --no-print-directory -C extension install DESTDIR=$(CURDIR)/build/pgroot >build/stage.log 2>&1 \
		|| { cat build/stage.log; exit 1; }

packages:
	@tests/stack/install

# Keys and passwords for docker-compose.yml, made once.
secrets:
	@tests/stack/make-secrets

install: build
	@$(MAKE) --no-print-directory -C extension install
	@$(MAKE) --no-print-directory -C edge install

clean:
	@for part in $(PARTS); do $(MAKE) --no-print-directory -C $$part clean; done
	@rm -rf build/pgroot build/stacks build/stage.log tests/integration/node_modules

distclean: clean
	@rm -rf build
