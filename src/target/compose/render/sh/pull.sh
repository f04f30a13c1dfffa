# shellcheck shell=sh
# Brings an image here by digest.

# pull REFERENCE
pull() {
	if image_id "$1" >/dev/null 2>&1; then
		say "$1 lies here already"
		return 0
	fi
	docker pull "$1" || fail "cannot pull $1"
	image_id "$1" >/dev/null || fail "$1 was pulled and is not there"
}

# keep IMAGE TAG: a name of ours, so that no prune takes it.
keep() {
	docker tag "$1" "$2" || fail "cannot keep $1"
	say "kept $1 as $2"
}
