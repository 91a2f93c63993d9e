#!/bin/sh
# The arithmetic of tests/bench; the measurements themselves are by hand.
exec python3 "$(dirname "$0")"/bench/test_bars.py
