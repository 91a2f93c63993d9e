# Thin front for `./check`.
CFLAGS ?= -O1 -g
override CFLAGS += -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -Isrc -Iinclude
HEADERS := $(wildcard src/*/*.h src/*/*.def src/*/*/*.h)

build/test_ops: tests/test_ops.c src/ir/ops.c src/base/error.c $(HEADERS)
	@mkdir -p build
	@for h in $(filter %.h,$(HEADERS)); do \
	    $(CC) $(CFLAGS) -fsyntax-only -x c $$h || exit 1; done
	$(CC) $(CFLAGS) -o $@ $(filter %.c,$^)
