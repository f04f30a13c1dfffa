# shellcheck shell=sh
# Recreates services with what is pinned, and looks that it became so.

# expect SERVICE IMAGE: every container of it runs that image, under its own name.
expect() {
	expect_image=$(image_id "$2") || fail "$2 does not lie here"
	expect_lines=$(describe "$1") || fail "docker does not tell of $1"
	[ -n "$expect_lines" ] || fail "$1 has no container after the switch"
	while read -r expect_id expect_found expect_name expect_rest; do
		: "$expect_rest"
		[ "$expect_found" = "$expect_image" ] ||
			fail "${expect_name#/} runs $expect_found and should run $expect_image"
		heal_name "$expect_id" "${expect_name#/}"
	done <<END
$expect_lines
END
	say "$1 runs $2"
}

# heal_name ID NAME: an `up` that was killed half-way leaves the name that Compose
# gives to a container while it replaces another: twelve digits before the real one.
heal_name() {
	heal_prefix=${2%%_*}
	[ "$heal_prefix" != "$2" ] && [ "${#heal_prefix}" = 12 ] || return 0
	case $heal_prefix in *[!0-9a-f]*) return 0 ;; esac
	docker rename "$1" "${2#*_}" || fail "$2 cannot get its name back: ${2#*_}"
	say "$2 is ${2#*_} again"
}

# mark SERVICE…: what was just started, so that a later restart can be told.
mark() {
	look "$@"
	printf '%s' "$seen" >"$FD_FOLDER/started-$FD_DIRECTION" || fail "cannot write; is the disk full?"
}
