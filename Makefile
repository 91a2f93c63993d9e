# A thin front for those who type `make`; the build is meson's.
BUILD ?= build
all:
	@BUILD=$(BUILD) scripts/build program plugins
program tests plugins:
	@BUILD=$(BUILD) scripts/build $@
check:
	@BUILD=$(BUILD) ./check
install: all
	@meson install -C $(BUILD) --no-rebuild --quiet
clean:
	@ninja -C $(BUILD) clean
.PHONY: all program tests plugins check install clean
