# SPDX-License-Identifier: GPL-2.0
# Sourced, after guest.sh, by the scripts that run Debian's QEMU in the testbed.
# shellcheck shell=bash disable=SC2034

# A CPU of QEMU's does not tell its frequency.
guest_cmdline+=" tsc_early_khz=50000"

# qemu_files DIR: QEMU with all that it opens, at the places where Debian has
# it, under DIR; $files is the testbed's options for that.
qemu_files()
{
	local root=$1 qemu file

	qemu=$(type -P qemu-system-x86_64) ||
		die "no qemu-system-x86_64: run scripts/setup"
	mkdir -p "$root/usr/share"/{qemu,seabios}
	for file in "$qemu" $(ldd "$qemu" | grep -o '/[^ ]*'); do
		mkdir -p "$root$(dirname "$file")"
		cp -L "$file" "$root$file"
	done
	cp -L /usr/share/seabios/bios-256k.bin "$root/usr/share/seabios"
	cp -L /usr/share/qemu/{pvh,linuxboot_dma,kvmvapic}.bin \
		"$root/usr/share/qemu"
	files=()
	# each folder that the host does not have yet
	for file in "$root"/lib64 "$root"/lib/* "$root"/usr/share "$root$qemu"; do
		files+=(--file "$file:${file#"$root"}")
	done
}
