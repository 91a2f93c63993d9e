# A thin front for those who type `make`; the build is meson's.
all program tests:
	@scripts/build $@
check:
	@./check
clean:
	@ninja -C build clean
.PHONY: all program tests check clean
