#!/bin/bash
# A static 32-bit program as the first one of a Linux guest with Debian's
# kernel: what it prints of compatibility mode is known, recording and replay
# agree. With FULL=1 also in the interpreter, and against QEMU, which differs
# where tests/guest/linux/init32.qemu says.
set -u
cd "$(dirname "$0")/.."
work=build/guest-linux
panda=build/x86_64-softmmu/panda-system-x86_64
here=tests/guest/linux
passed=0 failed=0

good() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED $*"
}
finish() {
    echo "$passed passed, $failed failed"
    [ $failed -eq 0 ]
    exit
}

rm -rf $work
mkdir -p $work/root
if ! gcc -m32 -static -O1 -fno-pie -no-pie -D_GNU_SOURCE -Wall -Wextra -Werror \
    -Wno-array-bounds -o $work/root/init $here/init32.c -lm; then
    bad "the guest's program does not build (gcc-multilib?)"
    finish
fi
(cd $work/root && find . | sort | cpio -o -H newc --quiet) >$work/initrd
guest=(-m 128 -kernel build/guest/vmlinuz -initrd $work/initrd -display none
       -append "console=ttyS0 panic=-1 quiet loglevel=1 norandmaps"
       -rtc base=2024-01-01T00:00:00 -no-reboot
       -device isa-debug-exit,iobase=0x501,iosize=4)

# What the program printed, without what the kernel says.
printed() { tr -d '\r' <$1 | sed -n '/^\[/d; /^BEGIN/,/^END/p' >$1.part; }

# expect TITLE FILE: prints what init32.out has
expect() {
    printed $2
    if diff $here/init32.out $2.part >$work/difference; then
        good
    else
        bad "$1 prints otherwise"
        head -n 20 $work/difference
        tail -n 3 $2
    fi
}

run() {
    local title=$1
    shift
    timeout 1500 $panda "${guest[@]}" -icount sleep=off \
        -serial file:$work/$title.out "$@" \
        </dev/null 2>$work/$title.err
    local status=$?
    if [ $status -eq 35 ]; then # 0x11 << 1 | 1
        good
    else
        bad "$title ends with status $status"
        cat $work/$title.err
    fi
    expect $title $work/$title.out
}

run recorded -record $work/boot
if timeout 300 $panda -replay $work/boot -replay-verify >$work/replay 2>&1 &&
    grep -q ": identical" $work/replay; then
    good
else
    bad "replay"
    cat $work/replay
fi
rm -f $work/boot-rr-*
if [ -n "${FULL:-}" ]; then
    run interpreted -accel interp
    timeout 300 qemu-system-x86_64 "${guest[@]}" -accel tcg -monitor none \
        -serial file:$work/qemu.out >/dev/null 2>&1
    printed $work/qemu.out
    diff $work/qemu.out.part $here/init32.out | grep '^[<>]' >$work/differences
    grep '^[<>]' $here/init32.qemu >$work/listed
    if diff $work/listed $work/differences; then
        good
    else
        bad "differs from QEMU otherwise than listed"
    fi
fi
finish
