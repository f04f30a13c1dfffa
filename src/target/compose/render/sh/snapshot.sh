# shellcheck shell=sh
# Copies the files as they are, and keeps the images that run.

# begin: the directory for the copies.
begin() {
	release=$FD_FOLDER/../../releases/${FD_FOLDER##*/}
	(umask 077 && mkdir -p "$release") || fail "cannot make $release"
	: >"$release/files" || fail "cannot write $release"
}

# copy NUMBER PATH: a file's copy, and its line in the list of files.
copy() {
	[ -e "$2" ] || return 0
	(umask 077 && cat "$2" >"$release/$1-${2##*/}") || fail "cannot copy $2"
	cmp -s "$2" "$release/$1-${2##*/}" || fail "the copy of $2 is not whole; is the disk full?"
	printf '%s-%s\t%s\n' "$1" "${2##*/}" "$2" >>"$release/files" || fail "cannot write $release/files"
	say "copied $2"
}

# keep_running must|may IMAGE TAG: a name of ours for an image that runs.
keep_running() {
	if docker tag "$2" "$3"; then
		say "kept $2 as $3"
	elif [ "$1" = must ]; then
		fail "cannot keep $2: without it there is no way back"
	else
		say "cannot keep $2; going on without"
	fi
}

# note_health SERVICE…: whether what runs is well, before anything changes.
note_health() {
	look "$@"
	before_healthy=no
	[ "$verdict" != well ] || before_healthy=yes
	result before_healthy "$before_healthy" || fail "cannot write results; is the disk full?"
	say "what runs is ${why:-well}"
}
