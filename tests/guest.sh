#!/bin/bash
# Runs the bare-metal programs of tests/guest: each one live and recorded, in
# the interpreter and in generated code, at 1, 7 and 64 instructions a unit,
# and replays every recording with another setting than it was made with; live
# and replayed also with chaos, with plugins and in lockstep. All of them must
# print the same, take as many steps and end in the same state.
# What they print must be what QEMU's translator makes of them, but for the
# differences that tests/guest/NAME.qemu lists with a reason.
#
#     tests/guest.sh [NAME...]
set -u
cd "$(dirname "$0")/.."
work=$PWD/build/guest-tests
panda=$PWD/build/x86_64-softmmu/panda-system-x86_64
passed=0 failed=0

good() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED $*"
}

machine=(-m 40 -no-reboot -display none -rtc base=2024-01-01T00:00:00
         -device isa-debug-exit,iobase=0x501,iosize=4)

# run PROGRAM TITLE OPTIONS...: its output, count and hash go to $work/TITLE.*
# Options that make no difference to a guest.
plugins=("coverage:filename=$work/coverage.csv" asidstory)
ways=("-jit chaos=1" "-jit chaos=2" "-jit chaos=3" "-jit chaos=4"
      "-jit chaos=5" "-accel lockstep,step=5000"
      "-panda ${plugins[0]};${plugins[1]}"
      "-panda ${plugins[0]},mode=edge -unit-insns 7 -jit chaos=6"
      "-panda ${plugins[1]} -accel interp")

run() {
    local program=$1 title=$2
    shift 2
    cd $work || exit # where plugins write
    timeout 60 $panda "${machine[@]}" -icount sleep=off -kernel $work/$program \
        -serial file:$work/$title.out "$@" 2>$work/$title.err
    echo "status $?" >$work/$title.end
    cd - >/dev/null || exit
    sed -n 's/^panda: \(.*(count .*)\)/\1/p' $work/$title.err \
        >>$work/$title.end
}

# compare PROGRAM WHAT FILE FILE
compare() {
    if diff $3 $4 >$work/difference; then
        good
    else
        bad "$1: $2"
        head -n 10 $work/difference
    fi
}

recorded() {
    local program=$1 accel=$2 insns=$3 title=$1.$2.$3
    rm -f $work/$title-rr-*
    run $program $title -accel $accel -unit-insns $insns -record $work/$title
    compare $title "prints otherwise" $work/$program.out $work/$title.out
    compare $title "ends otherwise" $work/$program.end $work/$title.end
}

# live_with PROGRAM OPTIONS...
live_with() {
    local program=$1 title=$1.other
    shift
    run $program $title "$@"
    compare "$program $*" "prints otherwise" $work/$program.out \
        $work/$title.out
    compare "$program $*" "ends otherwise" $work/$program.end $work/$title.end
}

# Replays with the given setting what was recorded with another.
replayed() {
    local title=$1 accel=$2 insns=$3
    replayed_with $title -accel $accel -unit-insns $insns
}

# replayed_with TITLE OPTIONS...
replayed_with() {
    local title=$1 out=$work/$1.replay
    shift
    if (cd $work && timeout 60 $panda -replay $work/$title -replay-verify \
        "$@" >$out 2>&1) && grep -q ": identical" $out; then
        good
        sed -n 's/^\(recorded\|own\) *//p' $out >>$work/hashes
    else
        bad "$title: its replay with $*"
        cat $out
    fi
}

with_qemu() {
    local program=$1
    timeout 60 qemu-system-x86_64 "${machine[@]}" -accel tcg -icount shift=0 \
        -cpu qemu64 \
        -vga none -kernel $work/$program -serial file:$work/$program.qemu \
        -monitor none >$work/$program.qemu-end 2>&1
    diff $work/$program.qemu $work/$program.out | grep '^[<>]' \
        >$work/$program.differences
    grep '^[<>]' tests/guest/$program.qemu 2>/dev/null >$work/listed
    compare $program "differs from QEMU otherwise than listed" $work/listed \
        $work/$program.differences
}

program() {
    local program=$1
    echo "-- $program"
    run $program $program
    if ! grep -q "^end" $work/$program.out ||
        ! grep -q "^status 1" $work/$program.end; then
        bad "$program does not end well"
        tail -n 5 $work/$program.out
        cat $work/$program.end
    fi
    with_qemu $program
    : >$work/hashes
    for insns in 1 7 64; do
        recorded $program interp $insns
        recorded $program jit $insns
    done
    replayed $program.interp.1 jit 64
    replayed $program.interp.7 jit 1
    replayed $program.interp.64 jit 7
    replayed $program.jit.1 interp 64
    replayed $program.jit.7 jit 64
    replayed $program.jit.64 interp 1
    for way in "${ways[@]}"; do
        live_with $program $way
        replayed_with $program.jit.7 $way
    done
    if [ "$(sort -u $work/hashes | wc -l)" -eq 1 ]; then
        good
    else
        bad "$program: different states at the end"
        cat $work/hashes
    fi
    rm -f $work/$program.*-rr-*
}

names=("$@")
if [ $# -eq 0 ]; then
    for file in tests/guest/*.c; do
        name=$(basename "$file" .c)
        [ "$name" = bare ] || names+=("$name")
    done
fi
if ! tests/guest/build.sh $work "${names[@]}"; then
    bad "the programs do not build"
    names=()
fi
for name in "${names[@]}"; do
    program "$name"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
