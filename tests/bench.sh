#!/bin/sh
# What tests/bench reckons with and builds; the measurements are by hand.
exec python3 "$(dirname "$0")"/bench/test_bars.py
