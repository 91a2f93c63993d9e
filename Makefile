# Thin front for `./check`: one program a tests/test_*.c, under ASan and UBSan.
CFLAGS ?= -O1 -g -fsanitize=address,undefined
override CFLAGS += -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -Isrc -Itests
HEADERS := $(wildcard src/*/*.h src/*/*.def src/*/*/*.h src/*/*/*.def)
# A folder tests/x with a test_x.c is one program, too.
TESTS := $(patsubst tests/%.c,build/%,$(wildcard tests/test_*.c)) build/test_mem \
    build/test_ir_parts build/test_device build/test_x86

all: build/headers $(TESTS)

build/test_eval: $(addprefix src/ir/, eval.c eval_vec.c ops.c)
build/test_jit: $(wildcard src/ir/*.c src/host/x86_64/*.c) \
    src/exec/jump_cache.c
build/test_ir: $(wildcard src/ir/*.c)
build/test_ops: src/ir/ops.c
ENGINE := tests/toy.c $(wildcard src/ir/*.c src/mem/*.c src/exec/*.c \
    src/host/x86_64/*.c)
X86 := $(wildcard src/guest/x86/*.c)
build/test_x86_host: $(X86) $(filter-out tests/%,$(ENGINE))
build/test_run: $(ENGINE)
build/test_replay: $(ENGINE) $(wildcard src/boundary/*.c) \
    src/device/clock.c src/device/io_map.c
build/test_unit_cache: src/exec/unit_cache.c
build/test_log_entry: src/boundary/log_entry.c
build/test_log_file: $(addprefix src/boundary/log_, entry.c writer.c reader.c)

build/test_%: tests/test_%.c src/base/error.c $(HEADERS) $(wildcard tests/*.h)
	@mkdir -p build
	$(CC) $(CFLAGS) -o $@ $(filter %.c,$^) -lzstd -lz -lpthread

build/test_mem: $(wildcard tests/mem/*.c tests/mem/*.h) \
    $(wildcard src/mem/*.c) src/exec/jump_cache.c src/base/error.c $(HEADERS)
	@mkdir -p build
	$(CC) $(CFLAGS) -Itests/mem -o $@ $(filter %.c,$^)

build/test_ir_parts: $(wildcard tests/ir/*.c tests/ir/*.h) \
    $(wildcard src/ir/*.c) src/base/error.c $(HEADERS)
	@mkdir -p build
	$(CC) $(CFLAGS) -Itests/ir -o $@ $(filter %.c,$^)

build/test_x86: $(wildcard tests/x86/*.[ch]) $(X86) \
    $(filter-out tests/%,$(ENGINE)) src/base/error.c $(HEADERS)
	@mkdir -p build
	$(CC) $(CFLAGS) -Itests/x86 -o $@ $(filter %.c,$^) -lcapstone

build/test_device: $(wildcard tests/device/*.[ch]) $(wildcard src/device/*.c) \
    src/base/error.c $(HEADERS)
	@mkdir -p build
	$(CC) $(CFLAGS) -Itests/device -o $@ $(filter %.c,$^)

# The program, as users run it.
SOURCES := $(wildcard src/*/*.c src/*/*/*.c)
OBJECTS := $(SOURCES:src/%.c=build/release/%.o)
PANDA := build/x86_64-softmmu/panda-system-x86_64
program: $(PANDA)
$(PANDA): $(OBJECTS)
	@mkdir -p $(@D)
	$(CC) -o $@ $^ -lzstd -lz -lpthread
build/release/%.o: src/%.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) -O2 -g -DNDEBUG -ffp-contract=off -std=gnu17 -D_GNU_SOURCE \
	    -Wall -Wextra -Werror -Isrc -c -o $@ $<

# Every header stands on its own.
build/headers: $(HEADERS)
	@mkdir -p build
	@for h in $(filter %.h,$(HEADERS)); do \
	    $(CC) $(CFLAGS) -fsyntax-only -x c $$h || exit 1; done
	@touch $@
