# SPDX-License-Identifier: GPL-2.0
# Sourced, after lib.sh, by the scripts that boot Linux as a guest in the testbed.
# shellcheck shell=bash disable=SC2034

# For the guest's kernel. As for the host: without what is dear where time is
# emulated, and shows nothing.
guest_cmdline="console=ttyS0,115200 nokaslr quiet panic=-1 mitigations=off"
guest_cmdline+=" cryptomgr.notests ipv6.disable=1 apparmor=0 rodata=off"
guest_cmdline+=" initcall_blacklist=load_system_certificate_list,init_encrypted,crypto_algapi_init,debug_checkwx_init"

# check_engines ENGINE...
check_engines()
{
	local engine

	for engine; do
		[[ $engine == tdp || $engine == shadow ]] ||
			{ status=2 die "no engine $engine"; }
	done
}

# side_by_side COMMAND ENGINE...: COMMAND with each engine, all at once, their
# lines behind the engine's name. Fails if one of them does.
side_by_side()
{
	local command=$1 engine pid pids=() rc=0
	shift

	for engine; do
		"$command" "$engine" 2>&1 | sed -u "s/^/$engine: /" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || rc=1
	done
	return $rc
}
