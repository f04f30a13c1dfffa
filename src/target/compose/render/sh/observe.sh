# shellcheck shell=sh
# Writes down what is observed.

# observe SERVICE…
observe() {
	observe_images=
	for observe_service in "$@"; do
		observe_lines=$(describe "$observe_service") || fail "docker does not tell of $observe_service"
		[ -n "$observe_lines" ] || continue
		# shellcheck disable=SC2086 # the fields are to be split
		set_image $observe_lines
		observe_images="$observe_images${observe_images:+,}$observe_service@$image"
	done
	[ -z "$observe_images" ] || result images "$observe_images" || fail "cannot write results; is the disk full?"
	look "$@"
	healthy=no
	[ "$verdict" != well ] || healthy=yes
	result healthy "$healthy" || fail "cannot write results; is the disk full?"
	say "runs ${observe_images:-nothing}; ${why:-healthy}"
}

set_image() {
	image=$2
}

# observe_heads SERVICE COMMAND…: where the schema is; what cannot be told is left out.
observe_heads() {
	heads_id=$(containers_of "$1")
	heads_id=${heads_id%%
*}
	shift
	[ -n "$heads_id" ] || return 0
	if heads_text=$(docker exec "$heads_id" "$@"); then
		heads_line=$(printf '%s\n' "$heads_text" | read_heads)
		say "the schema is at $heads_line"
		result schema_heads "$heads_line"
	else
		say "where the schema is cannot be told"
	fi
}
