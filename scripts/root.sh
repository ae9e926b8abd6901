# SPDX-License-Identifier: GPL-2.0
# Sourced, after lib.sh, by the scripts that make the root of a system to boot:
# $root is the tree, $rel its kernel's release and $modules where that has its modules.
# shellcheck shell=bash disable=SC2154

# Copy a module under its name as modules call themselves, without debug data
# and signature (checking that costs an emulated CPU most of a minute).
put_module()
{
	local src=$1 name=$2

	case $src in
	*.xz) xz -dc "$src" >"$root/lib/modules/$name.ko" ;;
	*.zst) zstd -qdc "$src" >"$root/lib/modules/$name.ko" ;;
	*) cp "$src" "$root/lib/modules/$name.ko" ;;
	esac
	strip -g -R .BTF "$root/lib/modules/$name.ko"
}

# add_module NAME|PATH.ko: it and all it needs, noted in lib/modules/needs with
# the deepest need first.
add_module()
{
	local src=$1 name needs='' need direct

	name=${1##*/}
	name=${name%.ko}
	name=${name//-/_}
	grep -qs "^$name:" "$root/lib/modules/needs" && return
	if [[ $1 != *.ko ]]; then
		src=$(find "$modules/" -name "${name//_/[-_]}.ko*" -print -quit)
		if [[ ! $src ]] && grep -qs "/${name//_/[-_]}\.ko" \
			"$modules/modules.builtin"; then
			echo "$name" >>"$root/lib/modules/builtin"
			return
		fi
		[[ $src ]] || die "$rel has no module $name"
	fi
	[[ -r $src ]] || die "$src: no such module"
	direct=$(/sbin/modinfo -F depends "$src")
	for need in ${direct//,/ }; do
		need=${need//-/_}
		add_module "$need"
		needs+=" $(sed -n "s/^$need: *//p" "$root/lib/modules/needs") $need"
	done
	put_module "$src" "$name"
	echo "$name:$needs" >>"$root/lib/modules/needs"
}
