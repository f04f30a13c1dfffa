# shellcheck shell=sh
# Asks whether it works, several times if need be. Laid behind: ask as a function.

# check NAME ATTEMPTS INTERVAL
check() {
	check_number=1
	while :; do
		if ask; then
			say "$1: good"
			return 0
		fi
		say "$1: attempt $check_number of $2 failed"
		[ "$check_number" -lt "$2" ] || fail "$1 does not hold"
		check_number=$((check_number + 1))
		sleep "$3"
	done
}

# in_container SERVICE COMMAND…
in_container() {
	in_id=$(containers_of "$1") || return 1
	in_id=${in_id%%
*}
	if [ -z "$in_id" ]; then
		say "$1 has no container"
		return 1
	fi
	shift
	docker exec "$in_id" "$@"
}
