# shellcheck shell=sh
# What was: copies of the files, tags for the images, health.

# snapshot_file PATH NAME: a copy as releases/<operation>/NAME. A first copy stays:
# a second run may see what has changed since.
snapshot_file() {
	snapshot_directory=${FD_FOLDER%/operations/*}/releases/${FD_FOLDER##*/}
	snapshot_copy=$snapshot_directory/$2
	(
		secretly
		mkdir -p "$snapshot_directory" || exit 1
		[ ! -e "$snapshot_copy" ] || exit 0
		cat <"$1" >"$snapshot_copy.part" && cmp -s "$1" "$snapshot_copy.part" &&
			mv "$snapshot_copy.part" "$snapshot_copy" &&
			printf '%s\t%s\n' "$2" "$1" >>"$snapshot_directory/files"
	)
}

# snapshot_image SERVICE IMAGE TAG
snapshot_image() {
	if docker tag "$2" "$3"; then
		say "$1: kept as $3"
	else
		say "$1: its image $2 is not kept: a way back to it may be lost"
	fi
}

# snapshot_health SERVICE...: whether what runs before is well, for the ledger. The
# basis has just looked.
snapshot_health() {
	if [ -r "$FD_FOLDER/containers.basis" ]; then
		seen=$(cat "$FD_FOLDER/containers.basis")
	else
		look "$@" || return 0
	fi
	judge "$@"
	if [ -z "$unwell" ]; then result before_healthy yes; else result before_healthy no; fi
}
