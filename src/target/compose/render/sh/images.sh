# shellcheck shell=sh
# Images: pulled by digest, kept under tags of our own.

# image_id IMAGE: sets image_id; false where it does not lie on this server.
image_id() {
	image_id=$(docker image inspect --format '{{.Id}}' "$1" 2>/dev/null) && [ -n "$image_id" ]
}

# pull IMAGE
pull() {
	if image_id "$1"; then
		say "$1 lies here already"
		return
	fi
	docker pull "$1" || fail "cannot pull $1: see above. Nothing has been changed"
	image_id "$1" || fail "$1 was pulled, and does not lie here: is it for another platform?"
}

# keep IMAGE TAG: nothing else of ours has a tag, and prune takes what has none.
keep() {
	docker tag "$1" "$2" || fail "$1 cannot be kept: see above. Does it lie on this server?"
	say "kept as $2"
}
