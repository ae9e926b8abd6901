# SPDX-License-Identifier: GPL-2.0
# Sourced: say what was found in the words of the Test Anything Protocol.
# shellcheck shell=bash

tap_number=0
tap_failed=0

tap_ok() { echo "ok $((++tap_number)) - $1"; }
tap_skip() { echo "ok $((++tap_number)) - $1 # SKIP $2"; }

# tap_check NAME COMMAND [ARG]...: what a failing command prints is told
tap_check()
{
	local tap_name=$1 tap_said
	shift

	if tap_said=$("$@" 2>&1); then
		tap_ok "$tap_name"
		return
	fi
	echo "not ok $((++tap_number)) - $tap_name"
	sed 's/^/# /' <<<"$tap_said"
	tap_failed=1
}

tap_end()
{
	echo "1..$tap_number"
	return $tap_failed
}
