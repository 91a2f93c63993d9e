#!/bin/sh
# The machine as a whole: what ends a run, resets, power-off, what of the
# APIC reaches into the CPU; live, in a recording and in its replays. With
# FULL=1 also boots of the stock kernel with and without ACPI and APICs.
set -u
cd "$(dirname "$0")/.."
panda=$PWD/build/x86_64-softmmu/panda-system-x86_64
source=$PWD/tests/machine
guest=$PWD/build/guest
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

# expect DESCRIPTION COMMAND...: is its status 0?
expect() {
    what=$1
    shift
    if "$@"; then
        echo "ok     $what"
        passed=$((passed + 1))
    else
        echo "FAILED $what"
        failed=$((failed + 1))
    fi
}

for program in resets hang wait apic idle v86; do
    gcc -m32 -c -I"$source" -o "$work/$program.o" "$source/$program.S" &&
        ld -m elf_i386 -Ttext 0xffc00 --oformat binary -o "$work/$program" \
            "$work/$program.o" || exit 1
done
cd "$work" || exit 1

# run PROGRAM OPTIONS...: leaves the files console and end, and $status.
run() {
    program=$1
    shift
    timeout 20 "$panda" -m 8 -rtc base=2024-01-01 -serial file:console \
        -kernel "$program" "$@" </dev/null >out 2>end
    status=$?
}
console_is() { [ "$(cat console)" = "$1" ]; }
ended() { [ $status -eq "$1" ] && grep -q "$2" end; }

for accel in jit interp; do
    run resets -accel $accel -monitor none
    expect "$accel: memory and registers are new after each reset" \
        console_is phm0phm1phm2phm3phm4
    expect "$accel: power-off ends the run" ended 0 "switched the machine off"
    expect "$accel: a triple fault is told of" grep -q \
        "triple fault at pc 0x[0-9a-f]* (count [0-9]*): .* reset" end
    run apic -accel $accel -monitor none
    expect "$accel: NMI, A20, APIC base, CPUID, CR8" console_is in20braoftc
done

run resets -no-reboot -monitor none
expect "-no-reboot ends the run at a reset" ended 0 "asked for a reset"
expect "which does not come" console_is phm0
run hang -monitor none
expect "a halt with interrupts off ends the run" ended 0 \
    "halted with interrupts off at pc 0x10000[0-9a-f], and nothing.*count 2"
run wait -monitor none
expect "so does one that waits for characters from nowhere" ended 0 \
    "halted at pc .*nothing can wake it"
(sleep 1; printf x) | timeout 60 "$panda" -m 8 -kernel wait -monitor none \
    -serial stdio >console 2>end
status=$?
expect "a character wakes it" console_is wx
expect "and it ends" ended 0 "switched the machine off"

# What is not there is named, and what was recorded before is sound.
for accel in jit interp lockstep,step=1; do
    rm -f broken-rr-*
    run v86 -accel $accel -monitor none -record broken
    expect "$accel: virtual-8086 mode is refused in a sentence" ended 1 \
        "virtual-8086 mode (IRET at pc 0x100025 to 1234:0056).*give it"
    expect "where the guest is" console_is v
    timeout 20 "$panda" -replay broken >out 2>end
    status=$?
    expect "and the recording is whole" grep -q ": identical" out
    expect "and so is its replay" [ $status -eq 0 ]
done

# An idle guest takes its time, but not the host's CPU; or none, by option.
ms() { date +%s%3N; }
start=$(ms)
run idle -monitor none
took=$(($(ms) - start))
count=$(sed -n 's/.*(count \([0-9]*\)).*/\1/p' end)
expect "20 ticks of 55 ms take real time" [ $took -ge 1000 ]
start=$(ms)
run idle -monitor none -icount sleep=off
took=$(($(ms) - start))
expect "or none, with sleep=off" [ $took -lt 900 ]
expect "at the same count" ended 0 "(count $count)"

# One terminal for console and monitor.
keys() {
    (printf "$1"; sleep 2) | timeout 20 "$panda" -m 8 -kernel wait \
        -nographic >console 2>end
    status=$?
}
keys '\001cinfo status\nquit\n'
expect "Ctrl-A c: the monitor" grep -q "VM status: running" console
keys '\001h\001x'
expect "Ctrl-A h: help" grep -q "Ctrl-A b *send a break" console
expect "Ctrl-A x: the end" ended 0 "ended"
keys '\001a'
expect "Ctrl-A a: Ctrl-A" console_is "$(printf 'w\001')"

# The monitor at a socket, of a guest that waits to be started.
timeout 20 "$panda" -m 8 -kernel hang -serial null -S \
    -monitor unix:monitor,server >out 2>end &
guest_process=$!
cat >ask.py <<'END'
import socket, sys, time
lines = [line.encode() + b"\n" for line in sys.argv[1:]]
for _ in range(100):
    try:
        s = socket.socket(socket.AF_UNIX)
        s.connect("monitor")
        break
    except OSError:
        time.sleep(0.05)
s.settimeout(10)
text = b""
for line in [b""] + lines:
    s.sendall(line)
    while line is not lines[-1] and not text.endswith(b"(qemu) "):
        text += s.recv(1000)
    print(text.decode(), end="")
    text = b""
END
python3 ask.py "info status" cont >asked
wait $guest_process
status=$?
expect "-S: it waits, and says so at a socket" grep -q \
    "(qemu) VM status: paused" asked
expect "until it is let run" ended 0 "interrupts off"

# With -no-shutdown the monitor outlives the guest.
timeout 20 "$panda" -m 8 -kernel hang -serial null -no-shutdown -monitor \
    unix:monitor,server,nowait >out 2>end &
guest_process=$!
for _ in $(seq 100); do
    grep -q "quit ends" end && break
    sleep 0.1
done
python3 ask.py stop cont "info registers" "info status" quit >asked
wait $guest_process
status=$?
expect "-no-shutdown: the state is there to be looked at" [ \
    "$(grep -c "VM status: paused (shutdown)" asked)" = 1 -a \
    "$(grep -c "halted=1" asked)" = 1 ]
expect "it is not run on" grep -q "the machine is off" asked
expect "until quit" ended 0 "interrupts off"

# Recorded from the first instruction to the last.
for program in resets apic wait hang; do
    printf 'begin_record %s.rec\ncont\n' "$program" |
        timeout 20 "$panda" -m 8 -rtc base=2024-01-01 -serial file:console \
            -monitor stdio -S -kernel "$program" >out 2>end
    for accel in jit interp; do
        expect "$program: the recording replays ($accel)" \
            timeout 20 "$panda" -accel $accel -replay "$program.rec"
    done
done

# What is refused, in one sentence.
refused() {
    message=$1
    shift
    "$panda" -kernel hang "$@" </dev/null >out 2>end
    [ $? -eq 1 ] && [ "$(wc -l <end)" -eq 1 ] && grep -q -e "$message" end
}
expect "-smp 2 is refused" refused "one CPU" -smp 2
expect "-M q35 is refused" refused "there is: pc" -M q35
expect "-cpu host is refused" refused "there is: qemu64" -cpu host
expect "-m 4G is refused" refused "to 3 GiB" -m 4G
expect "-m 1X is refused" refused "not a size" -m 1X
expect "-device e1000 is refused" refused "isa-debug-exit" -device e1000
expect "a taken port is refused" refused "already" \
    -device isa-debug-exit,iobase=0x70
expect "stdio twice is refused" refused "mon:stdio" -serial stdio \
    -monitor stdio
run hang -monitor none -smp cpus=1 -M pc -cpu qemu64 -m 3G -display none \
    -device isa-debug-exit,iobase=0xf4,iosize=0x04 -icount sleep=off
expect "what is there is accepted" ended 0 "interrupts off"

# The stock kernel. boot SECONDS OPTIONS OF THE KERNEL
boot() {
    timeout 300 "$panda" -m 256 -kernel "$guest/vmlinuz" \
        -initrd "$guest/initrd" -append "console=ttyS0 panic=-1 $1" \
        -rtc base=2024-01-01 -serial file:console -monitor none \
        </dev/null >out 2>end
    status=$?
}
no_complaint() {
    ! grep -v "report a bug" console |
        grep -iE "(apic|acpi|timer|irq).*(bug|error|fail|unable)|MP-BIOS"
}
if [ "${FULL:-0}" = 1 ] && [ -e "$guest/vmlinuz" ]; then
    boot ""
    expect "the kernel boots and switches off" ended 0 "switched the machine"
    expect "by way of the I/O APIC" grep -q "apic1=0 pin1=2" console
    expect "without complaint about APICs, ACPI or timers" no_complaint
    boot "acpi=off"
    expect "acpi=off: by the MP table" grep -q "MPTABLE: APIC at" console
    expect "acpi=off: halts where it cannot switch off" ended 0 \
        "interrupts off"
    boot "noapic"
    expect "noapic: by the 8259s" ended 0 "switched the machine"
    boot "nolapic"
    expect "nolapic: by the 8254" ended 0 "switched the machine"
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
