#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# unload_test.sh - loading and unloading umbra.ko, named by UMBRA_KO.
#
# The module is taken out and put back many times, with parameters, with a
# VM alive, beside kvm_intel. At the end it stands as it was found.

ko=$UMBRA_KO
here=$(cd "$(dirname "$0")" && pwd)
params=/sys/module/umbra/parameters
node=/dev/umbra
n=0 rc=0
plan=7

result() { # status text
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n $2"
	else
		echo "not ok $n $2"
		rc=1
	fi
}

skip() { # text reason
	n=$((n + 1))
	echo "ok $n # SKIP $1: $2"
}

loaded() {
	grep -q "^$1 " /proc/modules
}

# One small program against a device, without its TAP.
works() { # device
	UMBRA_DEV=$1 "$here/vm_once" >/dev/null 2>&1
}

wait_for() { # path
	for i in 1 2 3 4 5 6 7 8 9 10; do
		[ -c "$1" ] && return 0
		sleep 0.1
	done
	return 1
}

echo "TAP version 13"
if [ -z "$ko" ] || [ ! -f "$ko" ]; then
	echo "1..1"
	skip unload "no module given (UMBRA_KO)"
	exit 0
fi
echo "1..$plan"

before=
if loaded umbra; then
	for p in "$params"/*; do
		before="$before ${p##*/}=$(cat "$p")"
	done
	rmmod umbra || { echo "Bail out! umbra does not unload"; exit 1; }
fi

# 1: again and again
bad=0
for i in 1 2 3 4 5 6 7 8 9 10; do
	insmod "$ko" || bad=1
	[ $i -eq 7 ] && { wait_for $node && works $node || bad=1; }
	rmmod umbra || bad=1
done
loaded umbra && bad=1
[ -e $node ] && bad=1
result $bad "load_and_unload_10_times"

# 2: not while a VM lives
insmod "$ko" && wait_for $node
UMBRA_DEV=$node "$here/vm_once" hold >/dev/null 2>&1 &
holder=$!
sleep 1
bad=0
rmmod umbra 2>/dev/null && bad=1
loaded umbra || bad=1
kill -9 $holder
wait $holder 2>/dev/null
# The last reference may go a moment after the process.
for i in 1 2 3 4 5 6 7 8 9 10; do
	rmmod umbra 2>/dev/null && break
	sleep 0.2
done
loaded umbra && bad=1
result $bad "refused_while_a_vm_lives"

# 3: node=
bad=0
insmod "$ko" node=umbra_test || bad=1
wait_for /dev/umbra_test && works /dev/umbra_test || bad=1
[ -e $node ] && bad=1
rmmod umbra || bad=1
[ -e /dev/umbra_test ] && bad=1
result $bad "node_parameter"

# 4: each legal value of a parameter loads and is shown
bad=0
for set in 'engine=tdp fastpath=tag log=wrprot rmap=nulls pml=0 hugepages=0 audit=0' \
	'fastpath=pair log=auto rmap=locked pml=1 hugepages=1 audit=1 waiting=16' \
	fastpath=mw fastpath=off; do
	# shellcheck disable=SC2086
	if ! insmod "$ko" $set; then
		echo "# $set does not load"
		bad=1
		continue
	fi
	for p in $set; do
		shown=$(cat "$params/${p%%=*}")
		case ${p##*=}:$shown in
		"$shown:$shown" | 0:N | 1:Y) ;;
		*)
			echo "# $p shows as $shown"
			bad=1
			;;
		esac
	done
	wait_for $node && works $node || { echo "# no VM with $set"; bad=1; }
	rmmod umbra || bad=1
done
result $bad "parameters"

# 5: garbage does not load
bad=0
for p in engine=none fastpath=fast log=paper rmap=nuls ptw=soon waiting=few \
	pml=x hugepages=2x audit=z; do
	if insmod "$ko" $p 2>/dev/null; then
		echo "# $p loads"
		bad=1
		rmmod umbra
	fi
done
loaded umbra && bad=1
result $bad "garbage_parameters_refused"

# 6: the shadow engine, with each way of writing page tables
bad=0
for p in ptw=emul ptw=oos; do
	insmod "$ko" engine=shadow $p || bad=1
	wait_for $node && works $node || { echo "# no VM with $p"; bad=1; }
	rmmod umbra || bad=1
done
result $bad "shadow_engine"

# 7: kvm_intel has the CPUs
if modprobe kvm_intel 2>/dev/null || modload kvm_intel 2>/dev/null; then
	bad=0
	# Up to 6.1 kvm_intel takes the CPUs with its first VM only, and so
	# may the refusal: at load, or at the first VM.
	UMBRA_DEV=/dev/kvm "$here/vm_once" hold >/dev/null 2>&1 &
	holder=$!
	sleep 1
	if insmod "$ko" 2>/tmp/um_load; then
		wait_for $node
		UMBRA_DEV=$node "$here/vm_once" errno >/tmp/um_errno 2>&1
		[ "$(cat /tmp/um_errno)" = 16 ] || bad=1
		rmmod umbra || bad=1
	else
		grep -qi busy /tmp/um_load || bad=1
	fi
	kill -9 $holder
	wait $holder 2>/dev/null
	result $bad "busy_beside_kvm_intel"
	rmmod kvm_intel
else
	skip busy_beside_kvm_intel "kvm_intel does not load here"
fi

# As it was found.
if [ -n "$before" ]; then
	# shellcheck disable=SC2086
	insmod "$ko" $before || { echo "# cannot load it again"; rc=1; }
fi
exit $rc
