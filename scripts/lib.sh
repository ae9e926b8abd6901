# SPDX-License-Identifier: GPL-2.0
# Sourced by the scripts beside it: where things are and which kernels exist.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${UMBRA_BUILD:-$top/build}
cache=${UMBRA_CACHE:-$build}		# kernels, which several trees may share
prog=${0##*/}

say() { echo "$prog: $*" >&2; }
die() { say "$@"; exit "${status:-1}"; }

# The text at the head of the script, which is its --help.
head_text() { awk 'NR > 2 { if (!sub(/^# ?/, "")) exit; print }' "$0"; }

# kernel_series 6.1|6.12|RELEASE -> 6.1|6.12
kernel_series()
{
	[[ $1 =~ ^([0-9]+\.[0-9]+)(\.|$) ]] || die "'$1' is no kernel version"
	echo "${BASH_REMATCH[1]}"
}

# The package whose dependency is the newest kernel of a series.
# kernel_meta image|headers SERIES
kernel_meta()
{
	case $2 in
	6.1) echo "linux-$1-amd64" ;;
	*) echo "linux-$1-$2-amd64" ;;
	esac
}

# Release of the newest installed headers of a series, nothing if none.
headers_release()
{
	local dir best=

	for dir in $(printf '%s\n' /lib/modules/"$1".*-amd64/build | sort -V); do
		[[ -e $dir/Makefile ]] && best=${dir%/build}
	done
	echo "${best##*/}"
}

# Release to boot and to build for. A full release stands for itself; a series
# means the one with headers here, else the newest that apt knows.
kernel_release()
{
	local rel

	if [[ $1 == *-amd64 ]]; then
		echo "$1"
		return
	fi
	rel=$(headers_release "$1")
	[[ $rel ]] || rel=$(apt-cache depends "$(kernel_meta image "$1")" |
		sed -n 's/^ *Depends: linux-image-\([0-9].*-amd64\)$/\1/p')
	[[ $rel ]] || die "no kernel $1 known to apt: run scripts/setup"
	echo "$rel"
}

# Build umbra.ko for a kernel, silently if it builds; prints where it is.
quiet_kbuild()
{
	mkdir -p "$build"
	"$top/scripts/kbuild" "$1" >"$build/kbuild.log" 2>&1 ||
		{ cat "$build/kbuild.log" >&2; exit 1; }
	echo "$build/$(kernel_series "$1")/umbra.ko"
}

# Unpack a kernel's package under the cache, once; never installed. The folder
# gets boot/, lib/modules/ and the unpacked vmlinux.
kernel_fetch()
{
	local rel=$1 dir=$cache/kernels/$1 tmp deb

	[[ -e $dir/vmlinux ]] && return
	mkdir -p "$cache/kernels"
	exec {lock}>"$cache/kernels/.lock"
	flock "$lock"
	if [[ ! -e $dir/vmlinux ]]; then
		say "fetching linux-image-$rel"
		tmp=$(mktemp -d "$cache/kernels/.$rel.XXXXXX")
		(cd "$tmp" && apt-get -qq -o APT::Sandbox::User=root download "linux-image-$rel" 2>&1) >&2 ||
			die "cannot download linux-image-$rel (a newer one may be out: run 'scripts/setup --update')"
		deb=("$tmp"/*.deb)
		dpkg -x "${deb[0]}" "$tmp"
		rm -rf "${deb[0]}" "$tmp/usr/share/doc"
		[[ -d $tmp/lib ]] || mv "$tmp/usr/lib" "$tmp/lib"
		extract_vmlinux "$tmp/boot/vmlinuz-$rel" >"$tmp/vmlinux"
		rm -rf "$dir"
		chmod 755 "$tmp"
		mv "$tmp" "$dir"
	fi
	exec {lock}>&-
}

# The ELF packed in a bzImage, on standard output. Its last four bytes are the
# unpacked size and no part of the compressed stream.
extract_vmlinux()
{
	local sects at len magic tool

	u() { od -An -j"$1" -N"$2" -tu"$2" "$bz" | tr -d ' '; }
	bz=$1
	sects=$(u $((0x1f1)) 1)
	at=$(((sects + 1) * 512 + $(u $((0x248)) 4)))
	len=$(($(u $((0x24c)) 4) - 4))
	magic=$(od -An -j"$at" -N4 -tx1 "$bz" | tr -d ' ')
	case $magic in
	fd377a58) tool='xz -dc --single-stream' ;;
	28b52ffd) tool='zstd -qdc' ;;
	1f8b*) tool='gzip -dc' ;;
	*) die "$bz: unknown compression" ;;
	esac
	dd if="$bz" bs=64K skip="$at" count="$len" status=none \
		iflag=skip_bytes,count_bytes | $tool ||
		die "$bz: cannot unpack the kernel"
}
